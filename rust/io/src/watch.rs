//! What a thread waits for: its calls' sockets, and its owner's commands.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};

use crate::link::CallId;
use crate::wakeup::Wakeup;

/// Sockets that are looked at before the timers are again.
const MAX_EVENTS: usize = 64;
/// A call's sockets are told apart by the low bits of their key.
const SOCKET_BITS: u32 = 8;
pub(crate) const MAX_SOCKETS: usize = 1 << SOCKET_BITS;
/// No call and socket have this key.
const WAKEUP_KEY: u64 = u64::MAX;

/// Where the system says what is ready.
pub(crate) type Buffer = [MaybeUninit<epoll::Event>; MAX_EVENTS];

pub(crate) const fn new_buffer() -> Buffer {
    [const { MaybeUninit::uninit() }; MAX_EVENTS]
}

/// What is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// There are commands.
    Commands,
    /// A socket of a call can be read: its index among the call's.
    Socket(CallId, usize),
}

/// Sockets and a wakeup that are waited for by one thread; any thread adds to them.
pub(crate) struct Watch {
    epoll: OwnedFd,
}

impl Watch {
    pub(crate) fn new(wakeup: &Wakeup) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let key = epoll::EventData::new_u64(WAKEUP_KEY);
        epoll::add(&epoll, wakeup, key, epoll::EventFlags::IN)?;
        Ok(Self { epoll })
    }

    /// Waits for a call's sockets too: for all, or for none.
    ///
    /// # Errors
    /// The system has no room for more (`fs.epoll.max_user_watches`), or one is no socket.
    pub(crate) fn add(&self, id: CallId, sockets: &[OwnedFd]) -> std::io::Result<()> {
        for (socket, fd) in sockets.iter().enumerate() {
            let key = epoll::EventData::new_u64(id << SOCKET_BITS | socket as u64);
            if let Err(error) = epoll::add(&self.epoll, fd, key, epoll::EventFlags::IN) {
                self.remove(&sockets[..socket]);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Waits for them no longer. Closing is not enough: the owner has the same sockets open.
    pub(crate) fn remove(&self, sockets: &[OwnedFd]) {
        for fd in sockets {
            let _ = epoll::delete(&self.epoll, fd);
        }
    }

    /// Waits until something is ready, the time is over, or a signal comes.
    pub(crate) fn wait<'a>(
        &self,
        buffer: &'a mut Buffer,
        timeout: Option<&Timespec>,
    ) -> impl Iterator<Item = Ready> + Clone + 'a {
        let events = match epoll::wait(&self.epoll, &mut buffer[..], timeout) {
            Ok((events, _)) => &*events,
            Err(_) => &[],
        };
        events.iter().map(|event| match event.data.u64() {
            WAKEUP_KEY => Ready::Commands,
            key => Ready::Socket(key >> SOCKET_BITS, key as usize % MAX_SOCKETS),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::UdpSocket;

    use super::*;

    type Fault = Box<dyn std::error::Error>;

    const AT_ONCE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    fn readable_socket() -> Result<OwnedFd, Fault> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", socket.local_addr()?)?;
        Ok(socket.into())
    }

    fn ready(watch: &Watch) -> Vec<Ready> {
        watch.wait(&mut new_buffer(), Some(&AT_ONCE)).collect()
    }

    #[test]
    fn commands_and_the_sockets_of_calls_are_told_apart() -> Result<(), Fault> {
        let wakeup = Wakeup::new()?;
        let watch = Watch::new(&wakeup)?;
        let sockets = [readable_socket()?, readable_socket()?];
        watch.add(7, &sockets)?;
        assert_eq!(ready(&watch), [Ready::Socket(7, 0), Ready::Socket(7, 1)]);
        watch.remove(&sockets);
        wakeup.wake();
        assert_eq!(ready(&watch), [Ready::Commands]);
        Ok(())
    }

    #[test]
    fn of_sockets_that_cannot_all_be_waited_for_none_is() -> Result<(), Fault> {
        let watch = Watch::new(&Wakeup::new()?)?;
        let no_socket = File::open("/proc/self/exe")?; // epoll takes no regular file
        let sockets = [readable_socket()?, no_socket.into()];
        assert!(watch.add(7, &sockets).is_err());
        assert_eq!(ready(&watch), []);
        Ok(())
    }
}
