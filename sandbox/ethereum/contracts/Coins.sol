// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

/// The ledger every sample ERC-20 shares; name, symbol and decimals are each coin's own.
abstract contract Ledger {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return _move(from, to, value);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    /// A transfer to the zero address burns without lowering totalSupply, as many early coins did.
    function _move(address from, address to, uint256 value) internal returns (bool) {
        require(balanceOf[from] >= value, "balance too low");
        balanceOf[from] -= value;
        unchecked { balanceOf[to] += value; }
        emit Transfer(from, to, value);
        return true;
    }
}

/// A payable function keeps solc from testing the call value before the dispatcher. Without that
/// test there is no JUMPDEST before the selectors, and they all stand in the first basic block.
abstract contract Listed {
    receive() external payable {}
}

contract Coin is Ledger, Listed {
    string public name;
    string public symbol;
    uint8 public immutable decimals;

    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply) Ledger(supply) {
        name = name_;
        symbol = symbol_;
        decimals = decimals_;
    }
}

/// From before the metadata was strings. It has no decimals: asking for them reverts.
contract OldCoin is Ledger, Listed {
    bytes32 public name;
    bytes32 public symbol;

    constructor(bytes32 name_, bytes32 symbol_, uint256 supply) Ledger(supply) {
        name = name_;
        symbol = symbol_;
    }
}

/// Metadata as constants, under upper-case names only.
contract LoudCoin is Ledger, Listed {
    string public constant NAME = "Loud Coin";
    string public constant SYMBOL = "LOUD";
    uint8 public constant DECIMALS = 9;

    constructor(uint256 supply) Ledger(supply) {}
}

/// A string that needs care beside a bytes32 that is no text at all.
contract OddCoin is Ledger, Listed {
    string public name;
    bytes32 public symbol;
    uint8 public constant decimals = 0;

    constructor(string memory name_, bytes32 symbol_, uint256 supply) Ledger(supply) {
        name = name_;
        symbol = symbol_;
    }
}

/// An ERC-20 like any other, whose selectors stand behind the call-value test: a reader who looks
/// only at the first basic block does not recognise it.
contract HiddenCoin is Ledger {
    string public constant name = "Hidden Coin";
    string public constant symbol = "HID";
    uint8 public constant decimals = 18;

    constructor(uint256 supply) Ledger(supply) {}
}
