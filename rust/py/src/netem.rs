//! The simulated network.

use pyo3::prelude::*;
use voicectl_media::netem::{
    Blockage, Impairment, Jitter, Link, Loss, Outage, Rate, Trace, TracePacket,
};

use crate::error::Error;

#[pyclass(module = "voicectl._native")]
pub(crate) struct NetworkLink {
    link: Link,
}

#[pymethods]
impl NetworkLink {
    #[new]
    #[pyo3(signature = (
        *, seed, loss=0.0, burst=1.0, delay_ns=0, jitter_ns=0, distribution="normal",
        reorder=false, duplicate=0.0, rate_bps=0, queue_ns=0, spike_every_ns=0, spike_ns=(0, 0),
        hold_every_ns=0, hold_ns=0, blackout_every_ns=0, blackout_ns=0, flap_every_ns=0,
        flap_ns=0, drift_ppm=0.0,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one constructor")]
    fn new(
        seed: u64,
        loss: f64,
        burst: f64,
        delay_ns: u64,
        jitter_ns: u64,
        distribution: &str,
        reorder: bool,
        duplicate: f64,
        rate_bps: u64,
        queue_ns: u64,
        spike_every_ns: u64,
        spike_ns: (u64, u64),
        hold_every_ns: u64,
        hold_ns: u64,
        blackout_every_ns: u64,
        blackout_ns: u64,
        flap_every_ns: u64,
        flap_ns: u64,
        drift_ppm: f64,
    ) -> Result<Self, Error> {
        let impairment = Impairment {
            loss: Loss::in_bursts(loss, burst),
            delay_ns,
            jitter: jitter_of(distribution, jitter_ns)?,
            reorder,
            duplicate,
            rate: (rate_bps > 0).then_some(Rate {
                bits_per_second: rate_bps,
                queue_ns: if queue_ns > 0 { queue_ns } else { u64::MAX },
            }),
            spikes: (spike_every_ns > 0).then_some(Blockage {
                every_ns: spike_every_ns,
                shortest_ns: spike_ns.0,
                longest_ns: spike_ns.1,
            }),
            handover: outage(hold_every_ns, hold_ns),
            blackout: outage(blackout_every_ns, blackout_ns),
            flap: outage(flap_every_ns, flap_ns),
            drift_ppm,
        };
        Ok(Self {
            link: Link::new(impairment, seed),
        })
    }

    #[staticmethod]
    fn replaying(packets: Vec<(u32, u64, Option<u64>)>) -> Self {
        let packets = packets
            .into_iter()
            .map(|(frame, send_ns, arrival_ns)| TracePacket {
                frame,
                send_ns,
                arrival_ns,
            })
            .collect();
        Self {
            link: Link::replaying(Trace { packets }),
        }
    }

    fn arrivals(&mut self, sent_ns: u64, datagram_bytes: usize) -> Vec<u64> {
        let (first, second) = self.link.arrivals(datagram_bytes, sent_ns);
        first.into_iter().chain(second).collect()
    }
}

fn jitter_of(distribution: &str, jitter_ns: u64) -> Result<Jitter, Error> {
    match distribution {
        _ if jitter_ns == 0 => Ok(Jitter::None),
        "normal" => Ok(Jitter::Normal(jitter_ns)),
        "uniform" => Ok(Jitter::Uniform(jitter_ns)),
        "exponential" => Ok(Jitter::Exponential(jitter_ns)),
        _ => Err(Error::setting(format!(
            "distribution {distribution:?} is none of normal, uniform, exponential"
        ))),
    }
}

fn outage(every_ns: u64, during_ns: u64) -> Option<Outage> {
    (every_ns > 0).then_some(Outage {
        every_ns,
        during_ns,
    })
}
