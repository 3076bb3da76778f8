"""Check the pages of finished runs: ``python tests/accessibility/check_pages.py reports/recid reports/rossi``."""

import sys
from pathlib import Path

from support import axe_faults, page_faults, pdf_faults

NARROW = 320


def faults_of(file: Path) -> list[str]:
    """Return what is wrong with one page or PDF."""
    if file.suffix == ".pdf":
        return pdf_faults(file)
    return [*page_faults(file), *axe_faults(file), *axe_faults(file, width=NARROW)]


def main(folders: list[str]) -> int:
    """Print every fault of every page; the exit code tells whether there was one."""
    files = sorted(f for folder in folders for f in Path(folder).iterdir() if f.suffix in (".html", ".pdf"))
    if not files:
        print("There is no page to check.")
        return 1
    wrong = 0
    for file in files:
        faults = faults_of(file)
        wrong += len(faults)
        print(f"{file.parent.name}/{file.name}: {'sound' if not faults else ''}")
        for fault in faults:
            print(f"  {fault}")
    print(f"{len(files)} files, {wrong} faults")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
