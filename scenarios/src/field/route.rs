//! Ways to a host: how they are read, and their schema.

use serde_json::{Value as Json, json};

use super::{Field, Scalar, text};
use crate::plan::route::{ConnectTo, Resolve};

parsed!(
    Resolve,
    "resolve",
    "the addresses of a host",
    "shop.example:443:127.0.0.1",
    r"^[^:]+:[0-9]+:.+$|\$\{",
    "The addresses of a name: HOST:PORT:ADDRESS, several with commas between them, * for any host.",
    Resolve::any()
);
parsed!(
    ConnectTo,
    "connect-to",
    "a host and where to connect to for it",
    "shop.example:443:127.0.0.1:8443",
    r"^[^:]*:[0-9]*:.*:[0-9]*$|^\[|\$\{",
    "HOST:PORT:HOST2:PORT2; an empty HOST or PORT is any, an empty HOST2 or PORT2 the same as before.",
    ConnectTo::anywhere()
);
