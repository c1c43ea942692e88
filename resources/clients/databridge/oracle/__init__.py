"""Oracle with ESRI's SDE, through python-oracledb in thin mode."""
