// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

contract Child {
    uint256 public immutable number;

    constructor(uint256 number_) payable {
        number = number_;
    }
}

/// Its constructor always reverts.
contract Stillborn {
    constructor() payable {
        revert("never born");
    }
}

contract Mortal {
    constructor() payable {}

    function end(address payable heir) external {
        selfdestruct(heir);
    }
}

contract Factory {
    event Created(address child);

    function create(uint256 number) external payable {
        emit Created(address(new Child{value: msg.value}(number)));
    }

    function create2(uint256 number) external payable {
        emit Created(address(new Child{salt: bytes32(number), value: msg.value}(number)));
    }

    /// A creation that fails inside a transaction that succeeds.
    function tryStillborn() external {
        try new Stillborn() {} catch {}
    }

    /// A creation that succeeds inside a call that reverts: there is no contract afterwards.
    function tryUndone(uint256 number) external {
        try this.undone(number) {} catch {}
    }

    function undone(uint256 number) external {
        new Child(number);
        revert("undone");
    }

    /// Since Cancun the only way for code to vanish: ended in the transaction that created it.
    function mayfly(address payable heir) external payable {
        new Mortal{value: msg.value}().end(heir);
    }
}
