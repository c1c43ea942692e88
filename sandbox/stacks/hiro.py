"""The routes of a Stacks node and of its indexer, answered from a chain."""

import re
from typing import Any

from sandbox.stacks.chain import Chain
from sandbox.stacks.story import CYCLE_LENGTH, FIRST_BURN_HEIGHT, PREPARE_LENGTH, STX

MOST = {"signers": 250, "cycles": 60}
DEFAULT = {"signers": 100, "cycles": 20}
FEE_PER_BYTE = 1
SIGNERS = 7


def answer(chain: Chain, path: str, parameters: dict[str, str]) -> tuple[int, Any]:
    """Status and document of a route."""
    plain = {"/v2/info": _info, "/v2/pox": _pox, "/v2/fees/transfer": _fee, "/extended/v3/tokens/stx/supply": _supply}
    if path in plain:
        return 200, plain[path](chain)
    if path == "/extended/v2/pox/cycles":
        return _page("cycles", _cycles(chain), parameters)
    if found := re.fullmatch(r"/extended/v2/pox/cycles/(\d{1,9})/signers", path):
        return _page("signers", _signers(int(found[1])), parameters)
    return 404, {"error": "not found"}


def _fee(chain: Chain) -> int:
    return FEE_PER_BYTE


def _supply(chain: Chain) -> dict[str, Any]:
    return {"total": str(chain.supply), "projected_total_2050": "2318000000000000"}


def _info(chain: Chain) -> dict[str, Any]:
    return {
        "burn_block_height": chain.tip["burn_block_height"],
        "stacks_tip_height": chain.tip["block_height"],
        "stacks_tip": chain.tip["block_hash"].hex(),
        "is_fully_synced": True,
    }


def _pox(chain: Chain) -> dict[str, Any]:
    height = chain.tip["burn_block_height"]
    number, within = divmod(height - FIRST_BURN_HEIGHT, CYCLE_LENGTH)
    start = FIRST_BURN_HEIGHT + (number + 1) * CYCLE_LENGTH
    return {
        "first_burnchain_block_height": FIRST_BURN_HEIGHT,
        "current_burnchain_block_height": height,
        "prepare_phase_block_length": PREPARE_LENGTH,
        "reward_phase_block_length": CYCLE_LENGTH - PREPARE_LENGTH,
        "reward_cycle_length": CYCLE_LENGTH,
        "reward_cycle_id": number,
        "next_reward_cycle_in": CYCLE_LENGTH - within,
        "total_liquid_supply_ustx": chain.supply,
        "current_cycle": {
            "id": number,
            "min_threshold_ustx": 70_000 * STX,
            "stacked_ustx": (4_000_000 + 10_000 * number) * STX,
            "is_pox_active": True,
        },
        "next_cycle": {
            "id": number + 1,
            "prepare_phase_start_block_height": start - PREPARE_LENGTH,
            "reward_phase_start_block_height": start,
            "blocks_until_prepare_phase": start - PREPARE_LENGTH - height,
        },
    }


def _cycles(chain: Chain) -> list[dict[str, Any]]:
    found = sorted(chain.tables.get("pox_cycles", []), key=lambda row: -row["cycle_number"])
    return [
        {
            "block_height": row["block_height"],
            "cycle_number": row["cycle_number"],
            "index_block_hash": f"0x{row['index_block_hash'].hex()}",
            "total_signers": row["total_signers"],
            "total_stacked_amount": str(row["total_stacked_amount"]),
            "total_weight": row["total_weight"],
        }
        for row in found
    ]


def _signers(cycle: int) -> list[dict[str, Any]]:
    return [
        {
            "signing_key": f"0x{cycle:04d}{number:060d}",
            "signer_address": f"SPSIGNER{number}",
            "stacked_amount": str((1_000_000 - 100_000 * number) * STX + 1),
            "stacked_amount_percent": 10.0,
            "weight": 9 - number,
            "weight_percent": 10.0,
            "solo_stacker_count": number,
            "pooled_stacker_count": 0 if number == 3 else 100 * number + 1,
        }
        for number in range(SIGNERS)
    ]


def _page(kind: str, entries: list[dict[str, Any]], parameters: dict[str, str]) -> tuple[int, Any]:
    limit, offset = int(parameters.get("limit", DEFAULT[kind])), int(parameters.get("offset", 0))
    if limit > MOST[kind]:
        return 400, {"error": f"limit must be <= {MOST[kind]}"}
    return 200, {
        "limit": limit,
        "offset": offset,
        "total": len(entries),
        "results": entries[offset : offset + limit],
    }
