"""Write the model of a GGUF file as safetensors: ``python export_gguf.py FILE FOLDER``.

Runs in the environment of vLLM, which has transformers and not this package: so it imports nothing of ours.
"""

import sys
from pathlib import Path


def main(file: Path, folder: Path) -> None:
    """Dequantise, and save model and tokenizer for vLLM and PEFT, in the precision that they compute in."""
    import torch  # type: ignore[import-not-found]
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # type: ignore[import-not-found]

    where = {"gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **where
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, **where).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
