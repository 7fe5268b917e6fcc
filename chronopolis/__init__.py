"""chronopolis"""
