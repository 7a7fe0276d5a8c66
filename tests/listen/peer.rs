//! A daemon as the listener sees it, scripted: it takes what is posted, or accepts and says nothing.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use serde_json::Value;

use crate::support::wait::{PATIENCE, wait_for};

/// It ends with the test process.
pub(crate) struct Peer {
    address: SocketAddr,
    hangs: Arc<AtomicBool>,
    batches: Receiver<Value>,
}

impl Peer {
    /// One that takes everything.
    pub(crate) fn that_takes() -> Self {
        Self::start(false)
    }

    /// One that accepts connections and never answers, until it is told to.
    pub(crate) fn that_hangs() -> Self {
        Self::start(true)
    }

    fn start(hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let hangs = Arc::new(AtomicBool::new(hangs));
        let (bodies, batches) = channel();
        let state = Arc::clone(&hangs);
        thread::spawn(move || serve(&listener, &state, &bodies));
        Self {
            address,
            hangs,
            batches,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes what is posted from here on.
    pub(crate) fn take_posts(&self) {
        self.hangs.store(false, Ordering::SeqCst);
    }

    /// All batches, once they tell of that many events.
    pub(crate) fn wait_for_events(&self, count: usize) -> Vec<Value> {
        self.wait_until_told(|events| events.len() >= count)
    }

    /// All batches, once their events are enough.
    pub(crate) fn wait_until_told(&self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut all = Vec::new();
        wait_for(PATIENCE, "the events to be posted", || {
            all.extend(self.batches.try_iter());
            enough(&events(&all)).then(|| all.clone())
        })
    }
}

fn serve(listener: &TcpListener, hangs: &AtomicBool, bodies: &Sender<Value>) {
    let mut kept = Vec::new();
    for stream in listener.incoming() {
        let stream = stream.expect("a connection");
        if hangs.load(Ordering::SeqCst) {
            kept.push(stream);
            continue;
        }
        kept.clear();
        let Some(body) = take(stream) else {
            continue;
        };
        if bodies.send(body).is_err() {
            return;
        }
    }
}

/// One post, checked and answered; none where the other side went away.
fn take(stream: TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    assert!(
        head.starts_with("post /api/v1/events http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\ncontent-type: application/json\r\n"),
        "{head}"
    );
    let (_, length) = head.split_once("\r\ncontent-length: ")?;
    let (length, _) = length.split_once("\r\n")?;
    let mut body = vec![0; length.parse().expect("a number")];
    reader.read_exact(&mut body).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}

/// The events of all batches, in order.
pub(crate) fn events(batches: &[Value]) -> Vec<Value> {
    batches
        .iter()
        .flat_map(|batch| batch["events"].as_array().expect("a list").clone())
        .collect()
}

/// The first event of that kind about a program.
pub(crate) fn event_of(events: &[Value], kind: &str, name: &str) -> Value {
    let found = events
        .iter()
        .find(|event| event["event"] == kind && event["name"] == name);
    found.expect("such an event").clone()
}
