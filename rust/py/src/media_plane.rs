//! The threads that carry calls.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_io::{CallStats, Endpoint, HandedBack, Link, Plane, PlaneSettings, Route};

use crate::engine::Engine;
use crate::error::Error;
use crate::raw_fd::duplicate;

const NS_PER_MS: u64 = 1_000_000;

/// Socket, host and port.
type Address = (usize, String, u16);

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct MediaPlane {
    plane: Mutex<Option<Arc<Plane>>>,
}

impl MediaPlane {
    fn plane(&self) -> PyResult<Arc<Plane>> {
        let plane = self.plane.lock().unwrap_or_else(PoisonError::into_inner);
        plane
            .clone()
            .ok_or_else(|| PyValueError::new_err("the media plane is closed"))
    }
}

#[pymethods]
impl MediaPlane {
    #[new]
    #[pyo3(signature = (*, threads=1, delivery_interval_ms=10))]
    fn new(threads: usize, delivery_interval_ms: u64) -> PyResult<Self> {
        let plane = Plane::new(PlaneSettings {
            threads,
            delivery_interval_ns: delivery_interval_ms * NS_PER_MS,
        })?;
        Ok(Self {
            plane: Mutex::new(Some(Arc::new(plane))),
        })
    }

    fn fileno(&self) -> PyResult<RawFd> {
        Ok(self.plane()?.inbox().as_fd().as_raw_fd())
    }

    fn take_ready(&self) -> PyResult<Vec<u64>> {
        Ok(self.plane()?.inbox().take_ready())
    }

    #[pyo3(signature = (engine, sockets, *, delivery_interval_ms=None))]
    fn add(
        &self,
        engine: &Engine,
        sockets: Vec<RawFd>,
        delivery_interval_ms: Option<u64>,
    ) -> PyResult<MediaCall> {
        let plane = self.plane()?;
        let sockets = sockets
            .into_iter()
            .map(duplicate)
            .collect::<std::io::Result<Vec<OwnedFd>>>()?;
        let link = plane.add(
            engine.share(),
            sockets,
            delivery_interval_ms.map(|interval_ms| interval_ms * NS_PER_MS),
        )?;
        let plane = Arc::downgrade(&plane);
        Ok(MediaCall { plane, link })
    }

    #[getter]
    fn cpu_ns(&self) -> PyResult<u64> {
        Ok(self.plane()?.cpu_ns())
    }

    #[getter]
    fn timeouts(&self) -> PyResult<(u64, u64)> {
        Ok(self.plane()?.timeouts())
    }

    fn keep_alive(&self) -> PyResult<()> {
        self.plane()?.keep_alive();
        Ok(())
    }

    #[getter]
    fn call_count(&self) -> PyResult<usize> {
        Ok(self.plane()?.call_count())
    }

    fn close(&self, py: Python<'_>) {
        let plane = self
            .plane
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        py.detach(|| drop(plane));
    }
}

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct MediaCall {
    /// A call does not keep the threads alive.
    plane: Weak<Plane>,
    link: Arc<Link>,
}

#[pymethods]
impl MediaCall {
    #[getter]
    fn id(&self) -> u64 {
        self.link.id()
    }

    #[pyo3(signature = (accepted, destination))]
    fn set_route(&self, accepted: Vec<Address>, destination: Option<Address>) -> Result<(), Error> {
        let accepted = accepted
            .iter()
            .map(endpoint_of)
            .collect::<Result<_, Error>>()?;
        let destination = destination.as_ref().map(endpoint_of).transpose()?;
        let route = Route {
            accepted,
            destination,
        };
        if let Some(plane) = self.plane.upgrade() {
            plane.set_route(self.link.id(), route);
        }
        Ok(())
    }

    /// `call`: what carries `engine`, if a thread does.
    #[pyo3(signature = (engine, call))]
    fn bridge_to(&self, engine: Option<&Engine>, call: Option<&Self>) {
        let Some(plane) = self.plane.upgrade() else {
            return;
        };
        let other = call.and_then(|call| Some((call.plane.upgrade()?, call.link.id())));
        let carried = other.as_ref().map(|(plane, id)| (&**plane, *id));
        plane.bridge(self.link.id(), engine.map(Engine::share), carried);
    }

    fn look(&self) {
        if let Some(plane) = self.plane.upgrade() {
            plane.look(self.link.id());
        }
    }

    fn take_handed_back(&self, py: Python<'_>) -> Vec<HandedBackDatagram> {
        let handed_back = self.link.take_handed_back();
        let convert = |item| HandedBackDatagram::new(py, item);
        handed_back.into_iter().map(convert).collect()
    }

    #[getter]
    fn has_failed(&self) -> bool {
        self.link.has_failed()
    }

    fn stats(&self) -> MediaCallStats {
        self.link.stats().into()
    }

    fn close(&self) {
        if let Some(plane) = self.plane.upgrade() {
            plane.remove(self.link.id());
        }
    }
}

fn endpoint_of((socket, host, port): &Address) -> Result<Endpoint, Error> {
    // Link-local addresses have their scope in the socket.
    let host = host.split('%').next().unwrap_or(host);
    let ip: IpAddr = host
        .parse()
        .map_err(|_| Error::setting(format!("{host:?} is no IP address")))?;
    Ok(Endpoint {
        socket: *socket,
        address: SocketAddr::new(ip, *port),
    })
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct HandedBackDatagram {
    data: Py<PyBytes>,
    socket: Option<usize>,
    source: Option<(String, u16)>,
}

impl HandedBackDatagram {
    fn new(py: Python<'_>, item: HandedBack) -> Self {
        let bytes = |data: &[u8]| PyBytes::new(py, data).unbind();
        match item {
            HandedBack::Received { from, datagram } => Self {
                data: bytes(&datagram),
                socket: Some(from.socket),
                source: Some((from.address.ip().to_string(), from.address.port())),
            },
            HandedBack::ToSend { datagram } => Self {
                data: bytes(&datagram),
                socket: None,
                source: None,
            },
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct MediaCallStats {
    unknown_source: u64,
    overflowed: u64,
    unsent: u64,
    max_lateness_ns: u64,
    first_packet_sent_ns: Option<u64>,
    first_packet_received_ns: Option<u64>,
}

impl From<CallStats> for MediaCallStats {
    fn from(stats: CallStats) -> Self {
        Self {
            unknown_source: stats.unknown_source,
            overflowed: stats.overflowed,
            unsent: stats.unsent,
            max_lateness_ns: stats.max_lateness_ns,
            first_packet_sent_ns: stats.first_sent_ns,
            first_packet_received_ns: stats.first_received_ns,
        }
    }
}
