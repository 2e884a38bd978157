"""Train the model: ``python train.py [FOLDER]`` writes model.json there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

from wines import fit, load_split

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "model"
    fit(load_split(training=True)).save(target / "model.json")
