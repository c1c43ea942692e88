// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

import "./Coins.sol";

/// ERC-721. Items 1 to count belong to the creator; there is no totalSupply.
contract Collectible is Listed {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);

    string public name;
    string public symbol;
    mapping(uint256 => address) public ownerOf;
    mapping(address => uint256) public balanceOf;
    mapping(uint256 => address) public getApproved;

    constructor(string memory name_, string memory symbol_, uint256 count) {
        name = name_;
        symbol = symbol_;
        for (uint256 id = 1; id <= count; id++) {
            ownerOf[id] = msg.sender;
            emit Transfer(address(0), msg.sender, id);
        }
        balanceOf[msg.sender] = count;
    }

    function approve(address spender, uint256 id) external {
        require(ownerOf[id] == msg.sender, "not the owner");
        getApproved[id] = spender;
        emit Approval(msg.sender, spender, id);
    }

    function transferFrom(address from, address to, uint256 id) external {
        require(ownerOf[id] == from, "not the owner");
        require(msg.sender == from || msg.sender == getApproved[id], "not approved");
        delete getApproved[id];
        balanceOf[from] -= 1;
        balanceOf[to] += 1;
        ownerOf[id] = to;
        emit Transfer(from, to, id);
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0x80ac58cd;
    }
}

/// ERC-1155, everything minted to the creator in one batch.
contract Bundle {
    event TransferSingle(
        address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value
    );
    event TransferBatch(
        address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values
    );

    mapping(address => mapping(uint256 => uint256)) public balanceOf;

    constructor(uint256[] memory ids, uint256[] memory values) {
        for (uint256 i = 0; i < ids.length; i++) balanceOf[msg.sender][ids[i]] += values[i];
        emit TransferBatch(msg.sender, address(0), msg.sender, ids, values);
    }

    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes calldata) external {
        _move(from, to, id, value);
        emit TransferSingle(msg.sender, from, to, id, value);
    }

    function safeBatchTransferFrom(
        address from, address to, uint256[] calldata ids, uint256[] calldata values, bytes calldata
    ) external {
        for (uint256 i = 0; i < ids.length; i++) _move(from, to, ids[i], values[i]);
        emit TransferBatch(msg.sender, from, to, ids, values);
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7 || id == 0xd9b67a26;
    }

    function _move(address from, address to, uint256 id, uint256 value) private {
        require(msg.sender == from, "not the owner");
        balanceOf[from][id] -= value;
        balanceOf[to][id] += value;
    }
}
