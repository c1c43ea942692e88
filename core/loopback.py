"""Whether a server is reached without a network: by the loopback or by the directory of its socket."""

from ipaddress import ip_address


def on_this_machine(host: str) -> bool:
    """Whether nobody between here and there could listen or answer in its place. host: name, address or directory."""
    if host.startswith("/") or host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def sslmode_for(host: str) -> str:
    """How a connection to PostgreSQL there is secured when no setting says: certificate and name, over a network."""
    return "prefer" if on_this_machine(host) else "verify-full"
