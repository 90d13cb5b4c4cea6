//! One input of an engine, as bytes.

use super::super::redundancy::{Redundancy, RepairFormats, Repairs};
use super::super::{Bridge, Codec, SendFormats, TransportFeedback};
use super::bytes::{Fields, write_bytes, write_signed, write_varint};
use super::digest::Digest;

const CREATED: u8 = 1;
const RTP: u8 = 2;
const RTCP: u8 = 3;
const REFUSED: u8 = 4;
const TIMEOUT: u8 = 5;
const PAYLOAD_TYPES: u8 = 6;
const START_SENDING: u8 = 7;
const STOP_SENDING: u8 = 8;
const AUDIO: u8 = 9;
const FINISH_AUDIO: u8 = 10;
const CLEAR_AUDIO: u8 = 11;
const EVENTS_POLLED: u8 = 12;
const PACKETS_POLLED: u8 = 13;
const DIGEST: u8 = 14;
const ENDED: u8 = 15;
const TRUNCATED: u8 = 16;
const REPAIRS: u8 = 17;
const REDUNDANCY: u8 = 18;
const SEND_FORMATS: u8 = 19;
const PRESS_KEY: u8 = 20;
const TRANSPORT_FEEDBACK: u8 = 21;
const BRIDGE_OUT: u8 = 22;
const BRIDGE_IN: u8 = 23;
const FORWARDED: u8 = 24;
const START_REPORTING: u8 = 25;
/// Where a payload type stands that was not agreed on.
const NO_PAYLOAD_TYPE: u8 = 0xff;

/// One input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The first one.
    Created {
        at_ns: u64,
        seed: u64,
        made_by: &'a str,
        settings: &'a str,
    },
    Rtp {
        at_ns: u64,
        packet: &'a [u8],
    },
    Rtcp {
        at_ns: u64,
        packet: &'a [u8],
    },
    /// Datagrams that SRTP refused, counted.
    Refused {
        replayed: u64,
        unauthentic: u64,
    },
    Timeout {
        at_ns: u64,
    },
    /// Pairs of a payload type and its codec's number.
    PayloadTypes(&'a [u8]),
    StartSending {
        ssrc: u32,
        payload_type: u8,
        cname: &'a str,
    },
    /// Reports only.
    StartReporting {
        ssrc: u32,
        cname: &'a str,
    },
    StopSending {
        at_ns: u64,
    },
    /// What the queue took: samples of two bytes, the lower one first.
    Audio {
        rate_hz: u32,
        pcm: &'a [u8],
    },
    FinishAudio,
    ClearAudio {
        at_ns: u64,
    },
    EventsPolled(u64),
    PacketsPolled(u64),
    /// Of all that was polled until here.
    Digest(Digest),
    /// The capture was ended; a file without it was cut off.
    Ended,
    Repairs(Repairs),
    Redundancy(Redundancy),
    SendFormats(SendFormats),
    PressKey {
        code: u8,
        duration_ms: u16,
        attenuation_db: u8,
    },
    TransportFeedback(Option<TransportFeedback>),
    /// Where what is received goes.
    BridgeOut {
        at_ns: u64,
        bridge: Option<Bridge>,
    },
    /// Where what is sent comes from.
    BridgeIn {
        at_ns: u64,
        bridge: Option<Bridge>,
    },
    /// A packet of another call to be sent on; its payload type is its codec's number.
    Forwarded {
        at_ns: u64,
        packet: &'a [u8],
    },
    /// The capture reached its bound; the call went on.
    Truncated {
        at_ns: u64,
    },
}

impl<'a> Record<'a> {
    /// Appends the record. `clock_ns` is the time of the timed record before it.
    pub(super) fn write(&self, out: &mut Vec<u8>, clock_ns: &mut u64) {
        let mut timed = |out: &mut Vec<u8>, kind: u8, at_ns: u64| {
            out.push(kind);
            write_signed(out, at_ns.wrapping_sub(*clock_ns) as i64);
            *clock_ns = at_ns;
        };
        match *self {
            Self::Created {
                at_ns,
                seed,
                made_by,
                settings,
            } => {
                timed(out, CREATED, at_ns);
                write_varint(out, seed);
                write_bytes(out, made_by.as_bytes());
                write_bytes(out, settings.as_bytes());
            }
            Self::Rtp { at_ns, packet } => {
                timed(out, RTP, at_ns);
                write_bytes(out, packet);
            }
            Self::Rtcp { at_ns, packet } => {
                timed(out, RTCP, at_ns);
                write_bytes(out, packet);
            }
            Self::Timeout { at_ns } => timed(out, TIMEOUT, at_ns),
            Self::StopSending { at_ns } => timed(out, STOP_SENDING, at_ns),
            Self::ClearAudio { at_ns } => timed(out, CLEAR_AUDIO, at_ns),
            Self::Truncated { at_ns } => timed(out, TRUNCATED, at_ns),
            Self::BridgeOut { at_ns, bridge } => {
                timed(out, BRIDGE_OUT, at_ns);
                out.push(bridge_number(bridge));
            }
            Self::BridgeIn { at_ns, bridge } => {
                timed(out, BRIDGE_IN, at_ns);
                out.push(bridge_number(bridge));
            }
            Self::Forwarded { at_ns, packet } => {
                timed(out, FORWARDED, at_ns);
                write_bytes(out, packet);
            }
            _ => self.write_untimed(out),
        }
    }

    fn write_untimed(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Refused {
                replayed,
                unauthentic,
            } => {
                out.push(REFUSED);
                write_varint(out, replayed);
                write_varint(out, unauthentic);
            }
            Self::PayloadTypes(pairs) => {
                out.push(PAYLOAD_TYPES);
                write_bytes(out, pairs);
            }
            Self::StartSending {
                ssrc,
                payload_type,
                cname,
            } => {
                out.extend([START_SENDING, payload_type]);
                write_varint(out, u64::from(ssrc));
                write_bytes(out, cname.as_bytes());
            }
            Self::StartReporting { ssrc, cname } => {
                out.push(START_REPORTING);
                write_varint(out, u64::from(ssrc));
                write_bytes(out, cname.as_bytes());
            }
            Self::Audio { rate_hz, pcm } => {
                out.push(AUDIO);
                write_varint(out, u64::from(rate_hz));
                write_bytes(out, pcm);
            }
            Self::EventsPolled(count) => {
                out.push(EVENTS_POLLED);
                write_varint(out, count);
            }
            Self::PacketsPolled(count) => {
                out.push(PACKETS_POLLED);
                write_varint(out, count);
            }
            Self::Digest(digest) => {
                out.push(DIGEST);
                out.extend(digest.events.to_le_bytes());
                out.extend(digest.packets.to_le_bytes());
            }
            Self::Repairs(repairs) => write_repairs(out, &repairs),
            Self::Redundancy(redundancy) => {
                out.extend([REDUNDANCY, u8::from(redundancy.inband_fec)]);
                out.push(redundancy.red_frames);
                write_varint(out, u64::from(redundancy.dred_duration_ms));
                out.push(redundancy.expected_loss_percent);
            }
            Self::SendFormats(formats) => {
                let keys = formats.telephone_event.unwrap_or(NO_PAYLOAD_TYPE);
                out.extend([SEND_FORMATS, formats.codec.number(), keys]);
                // No peer asks for none.
                write_varint(out, u64::from(formats.max_bitrate_bps.unwrap_or(0)));
                write_varint(out, u64::from(formats.max_frame_ms.unwrap_or(0)));
            }
            Self::PressKey {
                code,
                duration_ms,
                attenuation_db,
            } => {
                out.extend([PRESS_KEY, code, attenuation_db]);
                write_varint(out, u64::from(duration_ms));
            }
            Self::TransportFeedback(agreed) => {
                // No extension has the number 0.
                let id = agreed.map_or(0, |agreed| agreed.extension_id);
                let reduced_size = agreed.is_some_and(|agreed| agreed.reduced_size);
                out.extend([TRANSPORT_FEEDBACK, id, u8::from(reduced_size)]);
            }
            Self::FinishAudio => out.push(FINISH_AUDIO),
            _ => out.push(ENDED),
        }
    }

    /// Takes a record off `fields`; `None`: it does not parse.
    pub(super) fn read(fields: &mut Fields<'a>, clock_ns: &mut u64) -> Option<Self> {
        let mut time = |fields: &mut Fields<'a>| {
            *clock_ns = clock_ns.wrapping_add(fields.signed()? as u64);
            Some(*clock_ns)
        };
        Some(match fields.byte()? {
            CREATED => Self::Created {
                at_ns: time(fields)?,
                seed: fields.varint()?,
                made_by: fields.text()?,
                settings: fields.text()?,
            },
            RTP => Self::Rtp {
                at_ns: time(fields)?,
                packet: fields.bytes()?,
            },
            RTCP => Self::Rtcp {
                at_ns: time(fields)?,
                packet: fields.bytes()?,
            },
            TIMEOUT => Self::Timeout {
                at_ns: time(fields)?,
            },
            STOP_SENDING => Self::StopSending {
                at_ns: time(fields)?,
            },
            CLEAR_AUDIO => Self::ClearAudio {
                at_ns: time(fields)?,
            },
            TRUNCATED => Self::Truncated {
                at_ns: time(fields)?,
            },
            BRIDGE_OUT => Self::BridgeOut {
                at_ns: time(fields)?,
                bridge: bridge_of(fields.byte()?),
            },
            BRIDGE_IN => Self::BridgeIn {
                at_ns: time(fields)?,
                bridge: bridge_of(fields.byte()?),
            },
            FORWARDED => Self::Forwarded {
                at_ns: time(fields)?,
                packet: fields.bytes()?,
            },
            kind => return Self::read_untimed(kind, fields),
        })
    }

    fn read_untimed(kind: u8, fields: &mut Fields<'a>) -> Option<Self> {
        Some(match kind {
            REFUSED => Self::Refused {
                replayed: fields.varint()?,
                unauthentic: fields.varint()?,
            },
            PAYLOAD_TYPES => Self::PayloadTypes(fields.bytes()?),
            START_SENDING => Self::StartSending {
                payload_type: fields.byte()?,
                ssrc: fields.number()?,
                cname: fields.text()?,
            },
            START_REPORTING => Self::StartReporting {
                ssrc: fields.number()?,
                cname: fields.text()?,
            },
            AUDIO => Self::Audio {
                rate_hz: fields.number()?,
                pcm: fields.bytes()?,
            },
            FINISH_AUDIO => Self::FinishAudio,
            EVENTS_POLLED => Self::EventsPolled(fields.varint()?),
            PACKETS_POLLED => Self::PacketsPolled(fields.varint()?),
            DIGEST => Self::Digest(Digest {
                events: fields.fixed_u64()?,
                packets: fields.fixed_u64()?,
            }),
            ENDED => Self::Ended,
            REPAIRS => Self::Repairs(read_repairs(fields)?),
            REDUNDANCY => Self::Redundancy(Redundancy {
                inband_fec: fields.byte()? == 1,
                red_frames: fields.byte()?,
                dred_duration_ms: fields.number()?,
                expected_loss_percent: fields.byte()?,
            }),
            SEND_FORMATS => Self::SendFormats(SendFormats {
                codec: Codec::from_number(fields.byte()?)?,
                telephone_event: Some(fields.byte()?).filter(|byte| *byte != NO_PAYLOAD_TYPE),
                max_bitrate_bps: Some(fields.number()?).filter(|bps| *bps > 0),
                max_frame_ms: Some(fields.number()?).filter(|ms| *ms > 0),
            }),
            PRESS_KEY => Self::PressKey {
                code: fields.byte()?,
                attenuation_db: fields.byte()?,
                duration_ms: fields.number()?,
            },
            TRANSPORT_FEEDBACK => {
                let agreed = TransportFeedback {
                    extension_id: fields.byte()?,
                    reduced_size: fields.byte()? == 1,
                };
                Self::TransportFeedback(Some(agreed).filter(|agreed| agreed.extension_id > 0))
            }
            _ => return None,
        })
    }
}

fn bridge_number(bridge: Option<Bridge>) -> u8 {
    bridge.map_or(0, |bridge| 1 + bridge as u8)
}

fn bridge_of(number: u8) -> Option<Bridge> {
    let known = [Bridge::Audio, Bridge::Packets];
    known
        .into_iter()
        .find(|bridge| bridge_number(Some(*bridge)) == number)
}

fn write_repairs(out: &mut Vec<u8>, repairs: &Repairs) {
    let number = |payload_type: Option<u8>| payload_type.unwrap_or(NO_PAYLOAD_TYPE);
    let (receive, send) = (repairs.receive, repairs.send);
    out.extend([REPAIRS, u8::from(repairs.nack), u8::from(repairs.dred)]);
    out.extend([receive.red, receive.rtx, send.red, send.rtx].map(number));
    write_varint(out, u64::from(repairs.rtx_ssrc));
}

fn read_repairs(fields: &mut Fields<'_>) -> Option<Repairs> {
    let number = |byte: u8| Some(byte).filter(|byte| *byte != NO_PAYLOAD_TYPE);
    let (nack, dred) = (fields.byte()? == 1, fields.byte()? == 1);
    let mut formats = || {
        Some(RepairFormats {
            red: number(fields.byte()?),
            rtx: number(fields.byte()?),
        })
    };
    Some(Repairs {
        nack,
        receive: formats()?,
        send: formats()?,
        rtx_ssrc: fields.number()?,
        dred,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let records = [
            Record::Created {
                at_ns: 1 << 40,
                seed: u64::MAX,
                made_by: "a test",
                settings: "sink=eager",
            },
            Record::PayloadTypes(&[111, 0]),
            Record::StartSending {
                ssrc: u32::MAX,
                payload_type: 111,
                cname: "ä",
            },
            Record::Rtp {
                at_ns: (1 << 40) + 7,
                packet: &[0x80, 111],
            },
            // Drivers on two threads may be a little out of order.
            Record::Rtcp {
                at_ns: (1 << 40) - 7,
                packet: &[],
            },
            Record::Refused {
                replayed: 1,
                unauthentic: 300,
            },
            Record::Timeout { at_ns: 0 },
            Record::Audio {
                rate_hz: 48_000,
                pcm: &[1, 2, 3, 4],
            },
            Record::FinishAudio,
            Record::ClearAudio { at_ns: 5 },
            Record::EventsPolled(200),
            Record::PacketsPolled(1),
            Record::Digest(Digest::default()),
            Record::StopSending { at_ns: u64::MAX },
            Record::Repairs(Repairs {
                nack: true,
                receive: RepairFormats {
                    red: Some(63),
                    rtx: None,
                },
                send: RepairFormats {
                    red: None,
                    rtx: Some(0),
                },
                rtx_ssrc: u32::MAX,
                dred: true,
            }),
            Record::Redundancy(Redundancy {
                inband_fec: true,
                red_frames: 2,
                dred_duration_ms: 1040,
                expected_loss_percent: 100,
            }),
            Record::SendFormats(SendFormats {
                codec: Codec::Pcma,
                telephone_event: Some(101),
                max_bitrate_bps: Some(510_000),
                max_frame_ms: Some(60),
            }),
            Record::PressKey {
                code: 11,
                duration_ms: 1000,
                attenuation_db: 63,
            },
            Record::TransportFeedback(Some(TransportFeedback {
                extension_id: 255,
                reduced_size: true,
            })),
            Record::TransportFeedback(None),
            Record::BridgeOut {
                at_ns: 7,
                bridge: Some(Bridge::Packets),
            },
            Record::BridgeIn {
                at_ns: 8,
                bridge: None,
            },
            Record::Forwarded {
                at_ns: 9,
                packet: &[0x80, 0],
            },
            Record::StartReporting {
                ssrc: 1,
                cname: "b",
            },
            Record::Truncated { at_ns: 6 },
            Record::Ended,
        ];
        let (mut bytes, mut clock_ns) = (Vec::new(), 0);
        for record in &records {
            record.write(&mut bytes, &mut clock_ns);
        }
        let (mut fields, mut clock_ns) = (Fields(&bytes), 0);
        for record in records {
            assert_eq!(Record::read(&mut fields, &mut clock_ns), Some(record));
        }
        assert!(fields.0.is_empty());
    }
}
