"""Run notebooks and store them with their outputs, free of what changes from run to run.

.venv/bin/python -m notebooks.execute                       # all of them
.venv/bin/python -m notebooks.execute notebooks/01*.ipynb
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LARGEST = 500_000  # bytes of a notebook
LONGEST = 300  # s of a cell


def execute(path):
    """Run a notebook in place; complain about what should not be kept."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=LONGEST, resources={"metadata": {"path": HERE}}).execute()
    seconds = time.perf_counter() - began
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    faults = []
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            if output.output_type == "stream" and output.name == "stderr":
                faults.append(f"a warning: {output.text.strip()[:200]}")
            shown = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            if str(Path.home()) + "/" in shown or str(HERE.parent.resolve()) in shown:
                faults.append(f"an absolute path: {shown.strip()[:200]}")
            if " at 0x" in shown:
                faults.append(f"an address: {shown.strip()[:200]}")
    nbformat.write(notebook, path)
    size = path.stat().st_size
    if size > LARGEST:
        faults.append(f"{size} bytes are too many")
    print(f"{path.name}: {seconds:.0f} s, {size / 1000:.0f} kB")
    for fault in faults:
        print(f"  {fault}")
    return not faults


if __name__ == "__main__":
    chosen = [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb"))
    fine = [execute(path) for path in chosen]
    sys.exit(not all(fine))
