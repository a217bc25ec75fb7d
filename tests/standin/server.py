"""Entry of the stand-in for an Ollama server: `python tests/standin/server.py --help`.

It answers over a real socket with what a script file says, faults included. The script's format
is described in `script.py`, the request log in `record.py`.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python put the folder of this file there; its parent makes `standin` importable.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from standin.service import main

    sys.exit(main())
