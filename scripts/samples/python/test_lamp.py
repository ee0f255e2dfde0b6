"""
Back end, hub and device together, as in production, without the cloud: pytest. Each test has a device
of its own, so that no test sees another's messages; none waits for time to pass.
"""

PATIENCE = 10  # seconds, for what takes milliseconds


def test_a_lamp_is_switched_on_and_the_back_end_learns_that_it_is(hub, backend, connect_lamp):
    lamp = connect_lamp("hall")
    message_id = backend.send("hall", "on")
    assert lamp.commands.get(timeout=PATIENCE) == "on"
    hub.wait(messageId=message_id, event="completed")
    hub.flush_feedback()
    assert backend.outcome(message_id) == "Success"
    assert lamp.is_on


def test_a_command_waits_for_a_lamp_that_is_away(hub, backend, connect_lamp):
    lamp = connect_lamp("cellar")
    lamp.disconnect()
    backend.send("cellar", "on")
    lamp.connect()
    assert lamp.commands.get(timeout=PATIENCE) == "on"


def test_it_does_not_wait_for_ever(hub, backend):
    hub.device("attic")
    message_id = backend.send("attic", "on")
    hub.advance("PT1H1S")
    hub.flush_feedback()
    assert backend.outcome(message_id) == "Expired"


def test_a_command_that_was_taken_and_not_answered_for_is_given_again(hub, backend, connect_lamp):
    lamp = connect_lamp("porch")
    lamp.disconnect()
    backend.send("porch", "on")
    hub.receive("porch")
    lamp.connect()
    hub.advance("PT61S")
    assert lamp.commands.get(timeout=PATIENCE) == "on"
