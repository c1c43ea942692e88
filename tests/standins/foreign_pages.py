"""What a page in an operator's browser can send, and what is answered: by the guard, and by nginx before it."""

OURS, JSON = "headwater.example.com", {"Content-Type": "application/json"}
SAME = {"Origin": f"https://{OURS}", "Sec-Fetch-Site": "same-origin"}
NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

# (what, method, path, headers, answer)
TABLE = [
    ("curl with JSON", "POST", "/graphql", JSON, 200),
    ("the UI itself", "POST", "/graphql", JSON | SAME, 200),
    ("the UI itself, by operation", "POST", "/graphql?op=AssetRecordsQuery", JSON | SAME, 200),
    ("JSON with a charset", "POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}, 200),
    ("a page typed in", "GET", "/runs", {"Sec-Fetch-Site": "none"}, 200),
    ("a link followed", "GET", "/runs/1?logs=2", NAVIGATION, 200),
    ("a file of the page", "GET", "/static/x.js", {"Sec-Fetch-Site": "same-origin"}, 200),
    ("another host", "POST", "/graphql", JSON | {"Host": "evil.example"}, 421),
    ("no host", "GET", "/", {"Host": ""}, 421),
    ("a longer host", "GET", "/", {"Host": f"{OURS}.evil.example"}, 421),
    ("a host with another before it", "GET", "/", {"Host": f"evil.{OURS}"}, 421),
    ("another origin", "POST", "/graphql", JSON | {"Origin": "https://evil.example"}, 403),
    ("origin null", "POST", "/graphql", JSON | {"Origin": "null"}, 403),
    ("origin without TLS", "POST", "/graphql", JSON | {"Origin": f"http://{OURS}"}, 403),
    ("origin of another port", "POST", "/graphql", JSON | {"Origin": f"https://{OURS}:8000"}, 403),
    ("a longer origin", "POST", "/graphql", JSON | {"Origin": f"https://{OURS}.evil.example"}, 403),
    ("cross-site", "POST", "/graphql", JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
    ("same-site", "POST", "/graphql", JSON | {"Sec-Fetch-Site": "same-site"}, 403),
    ("an image elsewhere", "GET", "/runs", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("a link to a query", "GET", "/graphql", NAVIGATION, 403),
    ("a link that reports", "GET", "/report_asset_materialization/x", NAVIGATION, 403),
    ("no type", "POST", "/graphql", {}, 415),
    ("a form", "POST", "/graphql", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("plain text", "POST", "/graphql", {"Content-Type": "text/plain"}, 415),
    ("plain text that says json", "POST", "/graphql", {"Content-Type": "text/plain; application/json"}, 415),
    ("a report by form", "POST", "/report_asset_materialization/x", {"Content-Type": "text/plain"}, 415),
    ("put", "PUT", "/anything", {}, 415),
    ("delete", "DELETE", "/anything", {}, 415),
    ("a query by GET", "GET", "/graphql?query=mutation", {}, 405),
    ("graphql by GET", "GET", "/graphql", {}, 405),
    ("graphql by HEAD", "HEAD", "/graphql", {}, 405),
    ("a query beside a body", "POST", "/graphql?query=mutation", JSON, 405),
    ("a query behind an operation", "POST", "/graphql?op=x&query=mutation", JSON, 405),
    ("an operation by GET", "GET", "/graphql?op=AssetRecordsQuery", {}, 405),
    ("below a prefix", "GET", "/prefix/graphql?query=mutation", {}, 405),
]
