{# Types of rollups' own transactions: deposits of the OP stack, Arbitrum's, Polygon's state-sync. #}
{% macro pays_no_fee() %}(transaction_type in (126, 127) or transaction_type between 100 and 106){% endmacro %}
