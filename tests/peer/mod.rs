//! A peer that follows a script: what it says on each connection, whatever it is asked.

use std::{
    io::{self, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use supervigil::{model::ProgramName, supervisord::Endpoint};

/// What is said on one connection.
pub(crate) struct Connection {
    greeting: Vec<u8>,
    /// One for each request.
    replies: Vec<Vec<u8>>,
    end: End,
}

/// What comes after the last reply.
enum End {
    Close,
    /// Keep the connection until the client lets go of it.
    Hold,
    /// Go on sending until the client lets go of it.
    Send,
    /// Say what it is given to say, until nobody can give it any more.
    Say(mpsc::Receiver<Vec<u8>>),
}

impl Connection {
    /// One reply, then the end.
    pub(crate) fn once(reply: impl Into<Vec<u8>>) -> Self {
        Self::new([reply.into()], End::Close)
    }

    /// No reply: the end comes when the request does, and drops it unread.
    pub(crate) fn reset() -> Self {
        Self::new([], End::Close)
    }

    /// One reply, then nothing more.
    pub(crate) fn held(reply: impl Into<Vec<u8>>) -> Self {
        Self::new([reply.into()], End::Hold)
    }

    /// One reply, then bytes without end.
    pub(crate) fn endless(reply: impl Into<Vec<u8>>) -> Self {
        Self::new([reply.into()], End::Send)
    }

    /// One reply, then whatever is sent here, and the end when the sender is dropped.
    pub(crate) fn saying(reply: impl Into<Vec<u8>>) -> (mpsc::Sender<Vec<u8>>, Self) {
        let (sender, words) = mpsc::channel();
        (sender, Self::new([reply.into()], End::Say(words)))
    }

    /// One reply for each request; after the last the end.
    pub(crate) fn replies<const N: usize>(replies: [Vec<u8>; N]) -> Self {
        Self::new(replies, End::Close)
    }

    /// Words before any request, then one reply and nothing more.
    pub(crate) fn greeting(greeting: &str, reply: &str) -> Self {
        Self {
            greeting: greeting.into(),
            ..Self::held(reply)
        }
    }

    fn new<const N: usize>(replies: [Vec<u8>; N], end: End) -> Self {
        Self {
            greeting: Vec::new(),
            replies: replies.into(),
            end,
        }
    }

    /// Errors are the client letting go.
    fn play(self, mut stream: impl Read + Write, mut heard: impl FnMut(String)) -> io::Result<()> {
        stream.write_all(&self.greeting)?;
        let nothing_asked = self.replies.is_empty();
        for reply in self.replies {
            let Some(request) = read_request(&mut stream)? else {
                return Ok(());
            };
            heard(request);
            stream.write_all(&reply)?;
        }
        match self.end {
            // A byte of what remains, if anything does: so a client that sends has sent.
            End::Close if nothing_asked => stream.read(&mut [0]).map(drop),
            End::Close => Ok(()),
            End::Hold => stream.read_to_end(&mut Vec::new()).map(drop),
            End::Send => loop {
                stream.write_all(&[b' '; 8192])?;
            },
            End::Say(words) => words.iter().try_for_each(|words| stream.write_all(&words)),
        }
    }
}

/// The peer, from when it listens until it is dropped.
pub(crate) struct Peer {
    endpoint: Endpoint,
    requests: mpsc::Receiver<(usize, String)>,
    _folder: Option<tempfile::TempDir>,
}

impl Peer {
    /// On a unix socket of its own, one script for each connection in turn.
    pub(crate) fn unix<const N: usize>(script: [Connection; N]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let peer = Self::unix_at(&folder.path().join("peer.sock"), script);
        Self {
            _folder: Some(folder),
            ..peer
        }
    }

    /// On a unix socket at a path.
    pub(crate) fn unix_at<const N: usize>(path: &Path, script: [Connection; N]) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let endpoint = Endpoint::Unix(path.to_owned());
        Self::serve(endpoint, script, move || {
            listener.accept().map(|(stream, _)| stream)
        })
    }

    /// On a port of its own.
    pub(crate) fn tcp<const N: usize>(script: [Connection; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        Self::serve(Endpoint::Tcp { authority }, script, move || {
            listener.accept().map(|(stream, _)| stream)
        })
    }

    fn serve<const N: usize, S: Read + Write>(
        endpoint: Endpoint,
        script: [Connection; N],
        mut accept: impl FnMut() -> io::Result<S> + Send + 'static,
    ) -> Self {
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for (number, connection) in script.into_iter().enumerate() {
                let Ok(stream) = accept() else { return };
                let heard = |request| sender.send((number, request)).unwrap_or_default();
                connection.play(stream, heard).unwrap_or_default();
            }
            // Another connection would be refused: let it wait, so that a test notices it.
            accept().map(drop).unwrap_or_default();
        });
        Self {
            endpoint,
            requests,
            _folder: None,
        }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Its socket's path.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.endpoint {
            Endpoint::Unix(path) => path.clone(),
            other @ (Endpoint::Tcp { .. } | Endpoint::Search(_)) => {
                panic!("{other:?} has no path")
            }
        }
    }

    /// Where it listens, as the client says it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    /// What it was asked so far: the number of the connection, and the whole request.
    pub(crate) fn requests(&self) -> Vec<(usize, String)> {
        self.requests.try_iter().collect()
    }
}

/// A head up to the blank line, and a body of its Content-Length; none at the end of the stream.
fn read_request(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    request.append(&mut body);
    Ok(Some(String::from_utf8_lossy(&request).into_owned()))
}

/// An HTTP answer with an honest Content-Length.
pub(crate) fn http(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// An XML-RPC answer of one value.
pub(crate) fn answer(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n\
         </params>\n</methodResponse>\n"
    )
}

/// An array of five times the same value, as a poll's multicall has five results.
pub(crate) fn five(value: &str) -> String {
    let item = format!("<value>{value}</value>\n");
    format!("<array><data>\n{}</data></array>", item.repeat(5))
}

/// A fault as the whole answer.
pub(crate) fn fault(code: i32, text: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value>{}</value>\n</fault>\n</methodResponse>\n",
        fault_value(code, text)
    )
}

/// A fault as a value.
pub(crate) fn fault_value(code: i32, text: &str) -> String {
    format!(
        "<struct>\n<member>\n<name>faultCode</name>\n<value><int>{code}</int></value>\n</member>\n<member>\n\
         <name>faultString</name>\n<value><string>{text}</string></value>\n</member>\n</struct>"
    )
}

/// A program by its bare name.
pub(crate) fn program(name: &str) -> ProgramName {
    ProgramName::new(name, name)
}
