"""The numbers of the reflex rules: milli-units, ticks, or what the name says."""

HUNGRY, STARVING = 6_000, 2_000
TIRED, RESTED = 2_500, 9_000
LONELY, SOCIABLE = 2_500, 8_500

COMPANY_LOSS = 15  # a tick
STARVATION = 60  # energy lost a tick with an empty stomach
REST_GAIN, IDLE_COST = 150, 2
MOVE_COST, CLIMB_DIVISOR, MOVE_COST_MAX = 15, 2, 300
GATHER_COST, TALK_COST, CRAFT_COST, BIRTH_COST = 25, 5, 40, 1_500

CARRY = 20_000  # of each good
STOCKED = 12_000  # enough of what the occupation gathers
LARDER = 5_000  # food that one likes to have at home
YIELD, YIELD_WITH_TOOL = 300, 400  # a gathering: first, plus half the skill, plus second with a tool
PATIENCE, VISIT = 120, 80  # ticks before a goal, or waiting for company, is given up
NAP, CHAT = 30, 20  # ticks that resting and looking for company last at least

TOOL_WOOD, TOOL_ORE, TOOL_STONE = 2_000, 1_000, 1_000
TOOL_USES_ORE, TOOL_USES_STONE = 80, 30

TALK_COMPANY, TRADE_COMPANY, GIFT_COMPANY = 1_500, 500, 1_000
TIE_TALK, TIE_TRADE, TIE_GIFT, TIE_MAX = 15, 25, 60, 1_000
GIFT, GIFT_RESERVE = 1_000, 4_000

DOWRY = 2_000  # food a newborn gets
BIRTH_FOOD, BIRTH_SATIETY, BIRTH_ODDS = 5_000, 6_000, 64  # one in so many a tick

# Actions of the plan.
REST, MOVE, GATHER, EAT, CRAFT, PAIR, BEAR, DIE = 0, 1, 2, 3, 4, 5, 6, 7
SPEAK = 8  # what was said is told already
HELD = 9  # made to rest from outside: neither meets anybody nor has a child
EVENTS_OF_AN_ACTION = 3  # at most: of an intention, of the action, and one more, such as a first meeting or a birth
EVENTS_OF_A_DEATH = 7  # at most: of the death, and of each good that is inherited
# Kinds of meeting.
TALK, TRADE, GIVE = 0, 1, 2
