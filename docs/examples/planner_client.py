"""Ask the running funnel whether there is a person, and how far the nearest object is."""
import rclpy
from smolvlm_ros.srv import AskScene, MeasureDistance

rclpy.init()
node = rclpy.create_node("planner")


def call(service, srv, **fields):
    """Call a service and wait for its answer."""
    client = node.create_client(srv, service)
    client.wait_for_service()
    future = client.call_async(srv.Request(**fields))
    rclpy.spin_until_future_complete(node, future)
    return future.result()


seen = call("scene_qa/ask", AskScene, question="Is there a person in the view?")
print(["UNSURE", "YES", "NO"][seen.verdict.answer], "-", seen.verdict.reason)
near = call("fusion/measure", MeasureDistance, kind=MeasureDistance.Request.NEAREST)
print(f"{near.distance_m:.2f} m +- {near.std_m:.2f} m" if near.success else near.message)
