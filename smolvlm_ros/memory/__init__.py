"""What the robot remembers: a bounded database of moments, searched in words, time and place.

    store = MemoryStore(MemoryConfig(path="memory.db"))
    store.add(Moment(stamp_ns, "person 7 enter door", Kind.ENTER, "door", "person", "7"))
    store.find(Query("when did a person last come to the door?")).found[0].moment.stamp_ns
"""
from smolvlm_ros.memory.config import MemoryConfig
from smolvlm_ros.memory.moment import Found, Kind, MemoryStoreError, Moment, Picture, Position
from smolvlm_ros.memory.search import Query, Result
from smolvlm_ros.memory.store import MemoryStore
from smolvlm_ros.memory.writer import MemoryCounts

__all__ = ["Found", "Kind", "MemoryConfig", "MemoryCounts", "MemoryStore", "MemoryStoreError",
           "Moment", "Picture", "Position", "Query", "Result"]
