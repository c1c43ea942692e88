import pytest

from assets.ethereum.tables import BLOCKS, TABLES
from core.tables import Column, ColumnType, Table


def _table(**changes):
    declared = {
        "system": "test",
        "name": "things",
        "grain": "one row",
        "description": "Things.",
        "columns": (Column("id", ColumnType.BIGINT, "Id."),),
        "key": ("id",),
        "sort_key": "id",
    }
    return Table(**(declared | changes))


def test_a_table_is_declared_once():
    _table()
    _table()  # the same again, as when a module is loaded twice
    with pytest.raises(ValueError, match=r"test\.things is declared twice"):
        _table(grain="another")


def test_repeated_columns_and_unknown_keys_are_errors():
    column = Column("id", ColumnType.BIGINT, "Id.")
    with pytest.raises(ValueError, match="repeated columns {'id'}"):
        _table(name="repeated", columns=(column, column))
    with pytest.raises(ValueError, match="unknown key columns {'nowhere'}"):
        _table(name="unknown", key=("nowhere",))


def test_keys_are_addresses():
    assert BLOCKS.lake_key == ["lake", "ethereum", "blocks"]
    assert BLOCKS.warehouse_key == ["warehouse", "ethereum", "blocks"]
    assert BLOCKS.address == "ethereum.blocks"


# Column order is part of the contract for CSV: ethereum-etl's.
CONTRACT = {
    "blocks": "number,hash,parent_hash,nonce,sha3_uncles,logs_bloom,transactions_root,state_root,receipts_root,miner,"
    "difficulty,total_difficulty,size,extra_data,gas_limit,gas_used,timestamp,transaction_count,base_fee_per_gas,"
    "withdrawals_root,withdrawals,blob_gas_used,excess_blob_gas",
    "transactions": "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,"
    "input,block_timestamp,max_fee_per_gas,max_priority_fee_per_gas,transaction_type,max_fee_per_blob_gas,"
    "blob_versioned_hashes",
    "receipts": "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,"
    "contract_address,root,status,effective_gas_price,l1_fee,l1_gas_used,l1_gas_price,l1_fee_scalar,blob_gas_price,"
    "blob_gas_used",
    "logs": "log_index,transaction_hash,transaction_index,block_hash,block_number,address,data,topics",
    "token_transfers": "token_address,from_address,to_address,value,transaction_hash,log_index,block_number",
    "traces": "block_number,transaction_hash,transaction_index,from_address,to_address,value,input,output,trace_type,"
    "call_type,reward_type,gas,gas_used,subtraces,trace_address,error,status,trace_id",
    "contracts": "address,bytecode,function_sighashes,is_erc20,is_erc721,block_number",
    "tokens": "address,symbol,name,decimals,total_supply,block_number",
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_ethereum_tables_keep_the_contract_and_append_the_day(table):
    if table.name in CONTRACT:
        assert ",".join(column.name for column in table.contract) == CONTRACT[table.name]
        assert [column.name for column in table.columns][: len(table.contract)] == CONTRACT[table.name].split(",")
    assert table.columns[-1].name == "block_date"
    assert all(column.description.endswith(".") for column in table.columns)
