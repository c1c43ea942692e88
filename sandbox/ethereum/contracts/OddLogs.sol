// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

/// Logs that a token-transfer reader must not trip over.
contract OddLogs {
    bytes32 private constant TRANSFER = keccak256("Transfer(address,address,uint256)");

    function nameless(uint256 word) external {
        assembly {
            mstore(0, word)
            log0(0, 32)
        }
    }

    /// The Transfer event with a number of words, in topics and data together, that no standard has.
    function shortTransfer(address from) external {
        bytes32 topic = TRANSFER;
        assembly { log2(0, 0, topic, from) }
    }

    function longTransfer(address from, address to, uint256 value) external {
        bytes32 topic = TRANSFER;
        assembly {
            mstore(0, value)
            mstore(32, value)
            log3(0, 64, topic, from, to)
        }
    }

    /// Four words, none of them indexed: ethereum-etl counts words and takes it for a transfer.
    function unindexedTransfer(address from, address to, uint256 value) external {
        bytes32 topic = TRANSFER;
        assembly {
            let at := mload(64)
            mstore(at, from)
            mstore(add(at, 32), to)
            mstore(add(at, 64), value)
            log1(at, 96, topic)
        }
    }

    /// Data that does not end on a word.
    function raggedTransfer(address from, address to) external {
        bytes32 topic = TRANSFER;
        assembly {
            mstore(0, not(0))
            log3(0, 7, topic, from, to)
        }
    }
}
