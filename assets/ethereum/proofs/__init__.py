"""Header commitments: what a block's header commits to, worked out anew from the rows that are to be published."""
