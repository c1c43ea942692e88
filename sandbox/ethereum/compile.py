"""`python -m sandbox.ethereum.compile`: compile `contracts/*.sol` into `contracts/compiled.json`.

The compiler is solc's JavaScript build from npm. The output is committed, so that neither the
recording nor its readers need a compiler.
"""

import argparse
import json
import subprocess
from pathlib import Path

from sandbox.ethereum import npm

SOLC_VERSION = "0.8.37"
SOURCES = Path(__file__).parent / "contracts"
COMPILED = SOURCES / "compiled.json"

# runs=1 favours small code: the dispatcher is then one linear list of selectors, not a search tree.
SETTINGS = {
    "optimizer": {"enabled": True, "runs": 1},
    "evmVersion": "prague",
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.methodIdentifiers"]}},
}
NODE_PROGRAM = "process.stdout.write(require(process.argv[1]).compile(require('fs').readFileSync(0, 'utf8')))"


class CompileError(RuntimeError):
    """The Solidity compiler refused a source."""


def compile_contracts(cache: Path | None = None) -> dict:
    """Compile every source; return the compiler, its settings and what it made of each contract."""
    solc = npm.install("solc", SOLC_VERSION, cache)
    sources = {path.name: {"content": path.read_text()} for path in sorted(SOURCES.glob("*.sol"))}
    request = {"language": "Solidity", "sources": sources, "settings": SETTINGS}
    done = subprocess.run(
        ["node", "-e", NODE_PROGRAM, str(solc)],  # noqa: S607 - the node that npm came with
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise CompileError("\n".join(errors))
    contracts = {}
    for source in answer["contracts"].values():
        for name, output in source.items():
            code = output["evm"]["bytecode"]["object"]
            if code:  # an abstract contract has none
                contracts[name] = {
                    "creation": "0x" + code,
                    "constructor": _constructor_types(output["abi"]),
                    "selectors": output["evm"]["methodIdentifiers"],
                }
    return {"compiler": f"solc {SOLC_VERSION} (npm)", "settings": SETTINGS, "contracts": contracts}


def _constructor_types(abi: list[dict]) -> list[str]:
    entries = [entry for entry in abi if entry["type"] == "constructor"]
    return [parameter["type"] for entry in entries for parameter in entry["inputs"]]


def main() -> None:
    """Write `compiled.json`, byte for byte the same for the same sources."""
    about = "Compile the sample chain's contracts with solc from npm, and write compiled.json."
    argparse.ArgumentParser(prog="python -m sandbox.ethereum.compile", description=about).parse_args()
    COMPILED.write_text(json.dumps(compile_contracts(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {COMPILED} ({COMPILED.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
