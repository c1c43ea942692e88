-- The tables of the Stacks node's indexer that this room reads: names, types and constraints of the public
-- stacks-blockchain-api migrations (commit 759c4a58, 2026-08-20). Columns that are never read but NOT NULL stay, so
-- that inserts are realistic. Differences from the real ones: the DEFAULTs of the columns execution_cost_*, raw_result,
-- raw_tx, post_conditions, anchor_mode, status, origin_hash_mode and event_count exist only here.
CREATE TABLE blocks(index_block_hash bytea PRIMARY KEY, block_hash bytea NOT NULL, block_height int NOT NULL,
 burn_block_time int NOT NULL, burn_block_hash bytea NOT NULL, burn_block_height int NOT NULL, miner_txid bytea NOT NULL,
 parent_index_block_hash bytea NOT NULL, parent_block_hash bytea NOT NULL, parent_microblock_hash bytea NOT NULL,
 parent_microblock_sequence int NOT NULL, canonical boolean NOT NULL,
 execution_cost_read_count bigint NOT NULL DEFAULT 0, execution_cost_read_length bigint NOT NULL DEFAULT 0,
 execution_cost_runtime bigint NOT NULL DEFAULT 0, execution_cost_write_count bigint NOT NULL DEFAULT 0,
 execution_cost_write_length bigint NOT NULL DEFAULT 0,
 tx_count int NOT NULL DEFAULT 1, block_time int NOT NULL DEFAULT 0, signer_bitvec bit varying, tenure_height int,
 signer_signatures bytea[], tx_total_size int);
CREATE INDEX ON blocks(block_height DESC); CREATE INDEX ON blocks(burn_block_height DESC);
CREATE TABLE txs(id serial PRIMARY KEY, tx_id bytea NOT NULL, tx_index smallint NOT NULL, raw_result bytea NOT NULL DEFAULT '\x',
 index_block_hash bytea NOT NULL, block_hash bytea NOT NULL, block_height int NOT NULL, parent_block_hash bytea NOT NULL,
 burn_block_time int NOT NULL, parent_burn_block_time int NOT NULL, type_id smallint NOT NULL, anchor_mode smallint NOT NULL DEFAULT 3,
 status smallint NOT NULL DEFAULT 1, canonical boolean NOT NULL, post_conditions bytea NOT NULL DEFAULT '\x', nonce int NOT NULL,
 fee_rate bigint NOT NULL, sponsored boolean NOT NULL, sponsor_address text, sponsor_nonce int, sender_address text NOT NULL,
 origin_hash_mode smallint NOT NULL DEFAULT 0, event_count int NOT NULL DEFAULT 0,
 execution_cost_read_count bigint NOT NULL DEFAULT 0, execution_cost_read_length bigint NOT NULL DEFAULT 0,
 execution_cost_runtime bigint NOT NULL DEFAULT 0, execution_cost_write_count bigint NOT NULL DEFAULT 0,
 execution_cost_write_length bigint NOT NULL DEFAULT 0, raw_tx bytea NOT NULL DEFAULT '\x',
 microblock_canonical boolean NOT NULL, microblock_sequence int NOT NULL, microblock_hash bytea NOT NULL,
 parent_index_block_hash bytea NOT NULL, token_transfer_recipient_address text, token_transfer_amount bigint, token_transfer_memo bytea,
 smart_contract_clarity_version smallint, smart_contract_contract_id text, smart_contract_source_code text,
 contract_call_contract_id text, contract_call_function_name text, contract_call_function_args bytea,
 poison_microblock_header_1 bytea, poison_microblock_header_2 bytea, coinbase_payload bytea, coinbase_alt_recipient text,
 coinbase_vrf_proof bytea, tenure_change_cause smallint, block_time int NOT NULL DEFAULT 0, burn_block_height int NOT NULL, vm_error text,
 CONSTRAINT unique_tx_id_index_block_hash_microblock_hash UNIQUE(tx_id,index_block_hash,microblock_hash),
 CONSTRAINT valid_token_transfer CHECK(type_id<>0 OR NOT (token_transfer_recipient_address,token_transfer_amount,token_transfer_memo) IS NULL));
CREATE INDEX ON txs(burn_block_time); CREATE INDEX ON txs(block_height DESC, microblock_sequence DESC, tx_index DESC);
CREATE TABLE mempool_txs(id serial PRIMARY KEY, pruned boolean NOT NULL, tx_id bytea NOT NULL UNIQUE, type_id smallint NOT NULL,
 anchor_mode smallint NOT NULL DEFAULT 3, status smallint NOT NULL DEFAULT 0, post_conditions bytea NOT NULL DEFAULT '\x', nonce int NOT NULL,
 fee_rate bigint NOT NULL, sponsored boolean NOT NULL, sponsor_address text, sponsor_nonce int, sender_address text NOT NULL,
 origin_hash_mode smallint NOT NULL DEFAULT 0, raw_tx bytea NOT NULL, receipt_time int NOT NULL, receipt_block_height int NOT NULL,
 token_transfer_recipient_address text, token_transfer_amount bigint, token_transfer_memo bytea,
 tx_size int NOT NULL GENERATED ALWAYS AS (length(raw_tx)) STORED, replaced_by_tx_id bytea);
CREATE INDEX ON mempool_txs(receipt_time DESC) WHERE pruned=false;
CREATE TABLE stx_events(id serial PRIMARY KEY, event_index int NOT NULL, tx_id bytea NOT NULL, tx_index smallint NOT NULL,
 block_height int NOT NULL, index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL, microblock_hash bytea NOT NULL,
 microblock_sequence int NOT NULL, microblock_canonical boolean NOT NULL, canonical boolean NOT NULL,
 asset_event_type_id smallint NOT NULL, amount bigint NOT NULL, sender text, recipient text, memo bytea,
 CONSTRAINT valid_asset_transfer CHECK(asset_event_type_id<>1 OR NOT (sender,recipient) IS NULL),
 CONSTRAINT valid_asset_mint CHECK(asset_event_type_id<>2 OR (sender IS NULL AND recipient IS NOT NULL)),
 CONSTRAINT valid_asset_burn CHECK(asset_event_type_id<>3 OR (recipient IS NULL AND sender IS NOT NULL)));
CREATE INDEX ON stx_events(block_height DESC); CREATE INDEX ON stx_events(sender); CREATE INDEX ON stx_events(recipient);
CREATE TABLE nft_events(id serial PRIMARY KEY, event_index int NOT NULL, tx_id bytea NOT NULL, tx_index smallint NOT NULL,
 block_height int NOT NULL, index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL, microblock_hash bytea NOT NULL,
 microblock_sequence int NOT NULL, microblock_canonical boolean NOT NULL, canonical boolean NOT NULL,
 asset_event_type_id smallint NOT NULL, asset_identifier text NOT NULL, value bytea NOT NULL, sender text, recipient text);
CREATE TABLE nft_custody(asset_identifier text NOT NULL, value bytea NOT NULL, recipient text, block_height int NOT NULL,
 index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL, microblock_hash bytea NOT NULL, microblock_sequence int NOT NULL,
 tx_id bytea NOT NULL, tx_index smallint NOT NULL, event_index int NOT NULL, CONSTRAINT nft_custody_unique UNIQUE(asset_identifier,value));
CREATE TABLE microblocks(id bigserial PRIMARY KEY, receive_timestamp timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
 canonical boolean NOT NULL, microblock_canonical boolean NOT NULL, microblock_hash bytea NOT NULL UNIQUE, microblock_sequence int NOT NULL,
 microblock_parent_hash bytea NOT NULL, index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL, block_height int NOT NULL,
 parent_block_height int NOT NULL, parent_block_hash bytea NOT NULL, parent_burn_block_height int NOT NULL,
 parent_burn_block_time int NOT NULL, parent_burn_block_hash bytea NOT NULL, block_hash bytea NOT NULL);
CREATE TABLE miner_rewards(id serial PRIMARY KEY, block_hash bytea NOT NULL, index_block_hash bytea NOT NULL, from_index_block_hash bytea NOT NULL,
 mature_block_height int NOT NULL, canonical boolean NOT NULL, recipient text NOT NULL, miner_address text, coinbase_amount numeric NOT NULL,
 tx_fees_anchored numeric NOT NULL, tx_fees_streamed_confirmed numeric NOT NULL, tx_fees_streamed_produced numeric NOT NULL);
CREATE TABLE burnchain_rewards(id serial PRIMARY KEY, canonical boolean NOT NULL, burn_block_hash bytea NOT NULL, burn_block_height int NOT NULL,
 burn_amount numeric NOT NULL, reward_recipient text NOT NULL, reward_amount numeric NOT NULL, reward_index int NOT NULL);
CREATE TABLE pox_cycles(id bigserial PRIMARY KEY, block_height int NOT NULL, index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL,
 cycle_number int NOT NULL, canonical boolean NOT NULL, total_weight int NOT NULL, total_stacked_amount numeric NOT NULL, total_signers int NOT NULL,
 CONSTRAINT pox_cycles_unique UNIQUE(cycle_number,index_block_hash));
CREATE TABLE pox_sets(id bigserial PRIMARY KEY, block_height int NOT NULL, index_block_hash bytea NOT NULL, parent_index_block_hash bytea NOT NULL,
 cycle_number int NOT NULL, pox_ustx_threshold numeric NOT NULL, canonical boolean NOT NULL, signing_key bytea NOT NULL, weight int NOT NULL,
 stacked_amount numeric NOT NULL, weight_percent double precision NOT NULL, stacked_amount_percent double precision NOT NULL,
 total_weight int NOT NULL, total_stacked_amount numeric NOT NULL);
CREATE TABLE ft_balances(id bigserial PRIMARY KEY, address text NOT NULL, token text NOT NULL, balance numeric NOT NULL,
 CONSTRAINT unique_address_token UNIQUE(address,token));
CREATE TABLE chain_tip(id bool PRIMARY KEY DEFAULT true CHECK(id), block_height int NOT NULL, block_count int NOT NULL, block_hash bytea NOT NULL,
 index_block_hash bytea NOT NULL, burn_block_height int NOT NULL, microblock_hash bytea, microblock_sequence int, microblock_count int NOT NULL,
 tx_count int NOT NULL, tx_count_unanchored int NOT NULL, mempool_tx_count int DEFAULT 0, mempool_updated_at timestamptz DEFAULT now(),
 stx_supply numeric NOT NULL DEFAULT 0);
