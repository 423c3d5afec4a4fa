import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HUB = ROOT.parent / "shared" / "hub"


@pytest.mark.skipif(not HUB.is_dir(), reason="no Hub-shaped folder lies beside the repository")
def test_a_hub_shaped_folder_is_served_to_the_genuine_client(tmp_path):
    command = [sys.executable, "tools/serve_hub.py", "--hub", str(HUB)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            code = (
                "from intro_lm import data; assert data.available('rotten-tomatoes');"
                "corpus = data.load('rotten-tomatoes');"
                "print([len(rows) for rows in corpus.values()], corpus['train'].features['label'])"
            )
            environment = {"HF_ENDPOINT": server.stdout.readline().strip(), "NO_PROXY": "127.0.0.1"}
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                cwd=ROOT,
                env={**os.environ, **environment, "HF_HOME": str(tmp_path)},
                check=False,
            )
        finally:
            server.kill()
    assert "[8530, 1066, 1066] ClassLabel(names=['neg', 'pos'])" in done.stdout, done.stderr
    assert "B/s" in done.stderr  # a progress bar, although this is no terminal
