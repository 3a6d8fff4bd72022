"""docs/published.md holds the present figures of the benchmarks."""

import json
import runpy
import statistics
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_is_what_the_command_writes():
    page = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "benchmarks" / "published.py"))["page"]()
    assert page == made, "run python benchmarks/published.py"
    board = json.loads((ROOT / "benchmarks" / "results" / "quality.json").read_text())
    runs = [run["figures"] for run in board["models"]["r3gan-ring"].values()]
    kl = statistics.mean(run["mode_kl"] for run in runs)
    assert (
        f"| **kgan, R3GAN** | 8 | {100 * statistics.mean(r['high_quality'] for r in runs):.1f}"
        in page
    )
    assert f"| {kl:.4f} |" in page
