//! How a stream is protected against loss, and what the peer can make use of.

use pyo3::prelude::*;
use voicectl_media::engine::{self, RepairFormats};

#[pyclass(module = "voicectl._native", frozen, get_all, eq)]
#[derive(PartialEq, Eq)]
pub(crate) struct Redundancy {
    inband_fec: bool,
    red_frames: u8,
    dred_duration_ms: u16,
    expected_loss_percent: u8,
}

#[pymethods]
impl Redundancy {
    #[new]
    #[pyo3(signature = (
        *, inband_fec=true, red_frames=0, dred_duration_ms=0, expected_loss_percent=10,
    ))]
    fn new(
        inband_fec: bool,
        red_frames: u8,
        dred_duration_ms: u16,
        expected_loss_percent: u8,
    ) -> Self {
        Self {
            inband_fec,
            red_frames,
            dred_duration_ms,
            expected_loss_percent,
        }
    }

    fn __repr__(&self) -> String {
        format!(
            "Redundancy(inband_fec={}, red_frames={}, dred_duration_ms={}, expected_loss_percent={})",
            if self.inband_fec { "True" } else { "False" },
            self.red_frames,
            self.dred_duration_ms,
            self.expected_loss_percent
        )
    }
}

impl From<engine::Redundancy> for Redundancy {
    fn from(redundancy: engine::Redundancy) -> Self {
        Self {
            inband_fec: redundancy.inband_fec,
            red_frames: redundancy.red_frames,
            dred_duration_ms: redundancy.dred_duration_ms,
            expected_loss_percent: redundancy.expected_loss_percent,
        }
    }
}

impl Redundancy {
    pub(crate) fn settings(&self) -> engine::Redundancy {
        engine::Redundancy {
            inband_fec: self.inband_fec,
            red_frames: self.red_frames,
            dred_duration_ms: self.dred_duration_ms,
            expected_loss_percent: self.expected_loss_percent,
        }
    }
}

/// What both session descriptions agree on about repairing loss.
#[pyclass(module = "voicectl._native", frozen, get_all, eq)]
#[derive(PartialEq, Eq)]
pub(crate) struct Repairs {
    nack: bool,
    dred: bool,
    receive_red: Option<u8>,
    receive_rtx: Option<u8>,
    send_red: Option<u8>,
    send_rtx: Option<u8>,
    rtx_ssrc: u32,
}

#[pymethods]
impl Repairs {
    #[new]
    #[pyo3(signature = (
        *, nack=false, dred=false, receive_red=None, receive_rtx=None, send_red=None,
        send_rtx=None, rtx_ssrc=0,
    ))]
    fn new(
        nack: bool,
        dred: bool,
        receive_red: Option<u8>,
        receive_rtx: Option<u8>,
        send_red: Option<u8>,
        send_rtx: Option<u8>,
        rtx_ssrc: u32,
    ) -> Self {
        Self {
            nack,
            dred,
            receive_red,
            receive_rtx,
            send_red,
            send_rtx,
            rtx_ssrc,
        }
    }

    fn __repr__(&self) -> String {
        let boolean = |value| if value { "True" } else { "False" };
        let number = |value: Option<u8>| value.map_or("None".to_owned(), |n| n.to_string());
        format!(
            "Repairs(nack={}, dred={}, receive_red={}, receive_rtx={}, send_red={}, send_rtx={}, \
             rtx_ssrc={})",
            boolean(self.nack),
            boolean(self.dred),
            number(self.receive_red),
            number(self.receive_rtx),
            number(self.send_red),
            number(self.send_rtx),
            self.rtx_ssrc
        )
    }
}

impl Repairs {
    pub(crate) fn settings(&self) -> engine::Repairs {
        engine::Repairs {
            nack: self.nack,
            receive: RepairFormats {
                red: self.receive_red,
                rtx: self.receive_rtx,
            },
            send: RepairFormats {
                red: self.send_red,
                rtx: self.send_rtx,
            },
            rtx_ssrc: self.rtx_ssrc,
            dred: self.dred,
        }
    }
}
