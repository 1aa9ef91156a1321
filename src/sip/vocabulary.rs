//! The words borrowed from `rsip`, and the only place that names that crate outside tests.
//!
//! `rsip` is a vocabulary here, not a parser: its parser loses header values that telephones do send, so it never sees
//! bytes from the wire, and its printing of methods and reason phrases is not used either.

pub use rsip::Method;

/// The method of a token; `None` for a method this vocabulary does not know.
///
/// Methods are compared with case (RFC 3261, 7.1), so `invite` is an unknown method.
pub fn method(token: &[u8]) -> Option<Method> {
    Some(match token {
        b"INVITE" => Method::Invite,
        b"ACK" => Method::Ack,
        b"BYE" => Method::Bye,
        b"CANCEL" => Method::Cancel,
        b"OPTIONS" => Method::Options,
        b"REGISTER" => Method::Register,
        b"UPDATE" => Method::Update,
        b"PRACK" => Method::PRack,
        b"INFO" => Method::Info,
        b"MESSAGE" => Method::Message,
        b"NOTIFY" => Method::Notify,
        b"PUBLISH" => Method::Publish,
        b"REFER" => Method::Refer,
        b"SUBSCRIBE" => Method::Subscribe,
        _ => return None,
    })
}

/// The token of a method as it stands in a start line.
pub fn token(method: Method) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Ack => "ACK",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Options => "OPTIONS",
        Method::Register => "REGISTER",
        Method::Update => "UPDATE",
        Method::PRack => "PRACK",
        Method::Info => "INFO",
        Method::Message => "MESSAGE",
        Method::Notify => "NOTIFY",
        Method::Publish => "PUBLISH",
        Method::Refer => "REFER",
        Method::Subscribe => "SUBSCRIBE",
    }
}

/// The reason phrase this program prints for a status (RFC 3261, 21, and the RFCs that added codes).
pub fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        other => match other / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_vocabulary_reads_back_from_its_token() {
        for known in Method::all() {
            assert_eq!(method(token(known).as_bytes()), Some(known));
        }
        assert_eq!(method(b"invite"), None);
        assert_eq!(method(b"RE%47IST%45R"), None);
    }
}
