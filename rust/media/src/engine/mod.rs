//! One call: packets and `now_ns` in, batched events and packets to send out.
