/*
 * The handlers of each group of routes; server.c has the table that names them.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_HANDLERS_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_HANDLERS_H

#include "protocols/http/http.h"

/* registry.c */
http_handler registry_put, registry_get, registry_delete, registry_list, registry_purge;
http_handler registry_list_modules;
http_handler registry_device_statistics, registry_service_statistics;

/* bulk.c */
http_handler bulk_change;

/* twin.c */
http_handler twin_get, twin_patch, twin_put, twin_post;

/* query.c */
http_handler query_run;

/* device.c */
http_handler device_receive, device_settle, device_abandon, device_no_twin;
http_handler device_no_upload, device_no_upload_notification;

/* telemetry.c */
http_handler telemetry_send;

/* service.c */
http_handler service_send, service_send_to_device;
http_handler feedback_receive, feedback_complete, feedback_abandon;

#endif
