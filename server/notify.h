/*
 * Tells the service manager that started this process of its state: the protocol of systemd's
 * sd_notify(3), one datagram for each change. That page leaves it to a program to speak it by
 * itself; libsystemd would bring four libraries for it. Called by server/process. Without a manager
 * that asks for it ($NOTIFY_SOCKET), nothing happens.
 */
#ifndef DEVICEBOUND_SERVER_NOTIFY_H
#define DEVICEBOUND_SERVER_NOTIFY_H

/* `state` is "READY=1" or "STOPPING=1". Borrows both. That it could not be told is logged. */
void notify_manager(char *const *environment, const char *state);

#endif
