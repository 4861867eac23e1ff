/* A plain publisher on librabbitmq, as a C programmer would write it: one
 * connection, one channel, a message-id for each message, and at most `window`
 * messages without a confirm (0: no confirms at all).
 *
 *     publisher HOST PORT QUEUE COUNT WINDOW SIZE
 *
 * Prints the number of messages and the seconds that they took. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>

static void die(const char *what) {
    fprintf(stderr, "publisher: %s\n", what);
    exit(1);
}

static void check(amqp_connection_state_t conn, const char *what) {
    if (amqp_get_rpc_reply(conn).reply_type != AMQP_RESPONSE_NORMAL) die(what);
}

/* Waits for frames until at most `most` messages have no confirm. */
static uint64_t confirms(amqp_connection_state_t conn, uint64_t sent, uint64_t confirmed,
                         uint64_t most, int wait) {
    struct timeval none = {0, 0}, *timeout = wait ? NULL : &none;
    amqp_frame_t frame;
    static uint64_t single; /* confirmed one by one, in whatever order */
    while (sent - confirmed > most || !wait) {
        amqp_maybe_release_buffers(conn);
        int status = amqp_simple_wait_frame_noblock(conn, &frame, timeout);
        if (status == AMQP_STATUS_TIMEOUT) break;
        if (status != AMQP_STATUS_OK) die("connection lost");
        if (frame.frame_type != AMQP_FRAME_METHOD) continue;
        if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
            amqp_basic_ack_t *ack = frame.payload.method.decoded;
            if (ack->multiple) {
                if (ack->delivery_tag > confirmed) confirmed = ack->delivery_tag;
                single = 0;
            } else {
                single++;
                confirmed++;
            }
        } else if (frame.payload.method.id == AMQP_BASIC_NACK_METHOD) {
            die("nacked");
        }
        if (!wait && sent - confirmed == 0) break;
    }
    return confirmed;
}

int main(int argc, char **argv) {
    if (argc != 7) die("usage: publisher HOST PORT QUEUE COUNT WINDOW SIZE");
    const char *host = argv[1], *queue = argv[3];
    int port = atoi(argv[2]);
    uint64_t count = strtoull(argv[4], NULL, 10), window = strtoull(argv[5], NULL, 10);
    size_t size = strtoull(argv[6], NULL, 10);

    amqp_connection_state_t conn = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(conn);
    if (!socket || amqp_socket_open(socket, host, port)) die("cannot connect");
    amqp_rpc_reply_t login = amqp_login(conn, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                                        "guest", "guest");
    if (login.reply_type != AMQP_RESPONSE_NORMAL) die("cannot log in");
    amqp_channel_open(conn, 1);
    check(conn, "cannot open a channel");
    if (window) {
        amqp_confirm_select(conn, 1);
        check(conn, "no confirms");
    }

    char *body = malloc(size), id[64];
    memset(body, 'x', size);
    amqp_basic_properties_t properties;
    memset(&properties, 0, sizeof properties);
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
    properties.delivery_mode = 2;
    amqp_bytes_t payload = {size, body};
    amqp_bytes_t key = amqp_cstring_bytes(queue);

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t confirmed = 0;
    for (uint64_t sent = 0; sent < count; sent++) {
        int length = snprintf(id, sizeof id, "bench/amqp/%" PRIu64, sent);
        properties.message_id.len = (size_t)length;
        properties.message_id.bytes = id;
        if (amqp_basic_publish(conn, 1, amqp_empty_bytes, key, 1, 0, &properties, payload))
            die("cannot publish");
        if (window && sent + 1 - confirmed >= window)
            confirmed = confirms(conn, sent + 1, confirmed, window - 1, 1);
    }
    if (window) confirms(conn, count, confirmed, 0, 1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%" PRIu64 " %.6f\n", count, seconds);
    if (!window) amqp_channel_close(conn, 1, AMQP_REPLY_SUCCESS);
    amqp_connection_close(conn, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(conn);
    return 0;
}
