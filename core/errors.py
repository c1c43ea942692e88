"""Every error of the product, in one tree.

::

    HeadwaterError
    ├── TransientError            trying again later may help
    │   ├── NodeUnavailable       no endpoint gave a usable answer in time
    │   ├── NodeBehind            the node does not have, or has not indexed, what was asked
    │   ├── DayIncomplete         the day is not over, or not final, on the node's chain
    │   ├── LakeChanged           a day was replaced, or its export interrupted, while it was read
    │   ├── WarehouseBusy         another process holds the warehouse
    │   ├── DatabaseUnavailable   the database does not answer, or broke off
    │   ├── SourceUnavailable     an API gave no usable answer in time
    │   ├── SourceMoved           an API's data changed while it was paged through
    │   └── JobInterrupted        a batch job lost its machine, or asks to be tried again
    └── PermanentError            trying again without a change cannot help
        ├── SettingError          a setting is missing or wrong
        ├── MethodUnsupported     the node does not offer a JSON-RPC method
        ├── NodeRefused           the node refuses the request itself, or the credentials
        ├── HistoryPruned         the node no longer holds a block of that age
        ├── StateMissing          the node no longer holds the state that a trace needs
        ├── ChainReorganised      an exported block is no longer on the node's chain
        ├── CommitmentMismatch    a block's rows are not what its header commits to
        ├── InvalidAnswer         an answer holds something no column can take
        ├── DayMissing            a day was never exported to the lake
        ├── LakeDamaged           an object of the lake is not what it must be
        ├── DiskRefused           a disk is full, or does not let us write
        ├── SourceRefused         an API refuses the request, the key or the caller
        ├── SourceInconsistent    rows of a source contradict each other, or some are missing
        ├── QuotaSpent            an API's quota does not cover the request until it is reset
        ├── LoadRejected          the warehouse refused a day's rows
        └── JobFailed             a batch job's program failed

Every message names the system, the thing, the value and the remedy. Whether a failed step is
tried again is decided in one place, ``resources/retries.py``, from these two branches.
"""


class HeadwaterError(Exception):
    """Base of every error raised on purpose."""


class TransientError(HeadwaterError):
    """The same call may succeed later."""


class PermanentError(HeadwaterError):
    """The same call fails until somebody changes something."""


class NodeUnavailable(TransientError):
    """No endpoint gave a usable answer within the allowed attempts."""


class NodeBehind(TransientError):
    """The node answered null: it does not have the block, or has not indexed it yet."""


class DayIncomplete(TransientError):
    """The UTC day is not over, or its last block not final, on the node's chain."""


class LakeChanged(TransientError):
    """A lake day was replaced while it was read, or its last export was interrupted."""


class WarehouseBusy(TransientError):
    """Another process holds the warehouse."""


class DatabaseUnavailable(TransientError):
    """The database does not answer, or broke off in the middle."""


class SourceUnavailable(TransientError):
    """An API gave no usable answer within the allowed attempts."""


class SourceMoved(TransientError):
    """What an API serves changed while it was paged through."""


class JobInterrupted(TransientError):
    """A batch job lost its machine or asks to be tried again, or the service that runs it does not answer."""


class SettingError(PermanentError):
    """A setting is missing or holds something unusable."""


class MethodUnsupported(PermanentError):
    """The node does not offer the JSON-RPC method."""


class NodeRefused(PermanentError):
    """The node refuses the request itself, or the credentials."""


class HistoryPruned(PermanentError):
    """The node no longer holds a block of that age, or never had it."""


class StateMissing(PermanentError):
    """The node does not hold the state that a trace needs."""


class ChainReorganised(PermanentError):
    """A block that was exported is no longer on the node's chain."""


class CommitmentMismatch(PermanentError):
    """A block's rows are not what its header commits to."""


class InvalidAnswer(PermanentError):
    """The node's answer holds a value that its column cannot take."""


class SourceInconsistent(PermanentError):
    """Rows of a source contradict each other, or lack some that must be there."""


class DayMissing(PermanentError):
    """The lake holds no complete export of the day."""


class LakeDamaged(PermanentError):
    """An object of the lake is not what it must be; writing it again mends it."""


class DiskRefused(PermanentError):
    """A disk is full, or does not let us write."""


class SourceRefused(PermanentError):
    """An API refuses the request itself, the key, or the caller."""


class QuotaSpent(PermanentError):
    """What is left of an API's quota does not cover the request."""


class LoadRejected(PermanentError):
    """The warehouse refused a day's rows, or received another number than the manifest lists."""


class JobFailed(PermanentError):
    """A batch job ended without success."""
