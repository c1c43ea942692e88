// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

/// Takes calls of every outcome.
contract Callee {
    uint256 public received;

    function take() external payable {
        received += msg.value;
    }

    function refuse() external payable {
        revert("refused");
    }

    function fault() external pure {
        assert(false);
    }

    function deeper(uint256 levels) external payable {
        if (levels > 0) this.deeper{value: msg.value / 2}(levels - 1);
    }
}

/// Makes calls of every kind: call, delegatecall, staticcall, to a precompile, nested, refused.
/// Also what an EIP-7702 account delegates to.
contract Caller {
    uint256 public received;

    event Toured(address indexed by, uint256 value);

    receive() external payable {}

    function tour(Callee callee, address payable friend) external payable {
        uint256 part = msg.value / 8;
        callee.take{value: part}();
        friend.transfer(part);
        (bool done,) = address(callee).delegatecall(abi.encodeCall(Callee.take, ()));
        require(done);
        callee.received();
        callee.deeper{value: part}(3);
        try callee.refuse{value: part}() {} catch {}
        try callee.fault() {} catch {}
        sha256(abi.encode(part));
        emit Toured(msg.sender, msg.value);
    }

    /// Sends more than it has: the inner call fails before it runs anything.
    function overspend(address payable friend) external payable {
        (bool done,) = friend.call{value: address(this).balance + 1}("");
        require(!done);
    }

    function fail(Callee callee) external payable {
        callee.take{value: msg.value}();
        callee.refuse();
    }

    /// Takes any bytes: for an input longer than a 65,535-character column.
    function note(bytes calldata) external {}
}
