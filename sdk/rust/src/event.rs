//! The events: the messages of sdk/wicket.proto that the broker sends. Fields that
//! were absent have their zero value.

use crate::wire::{Malformed, Message, Value};
use core::fmt;

/// The publish action of an [`Access`], and a bit of a rule's actions.
pub const PUBLISH: u32 = 1;
/// The subscribe action of an [`Access`], and a bit of a rule's actions.
pub const SUBSCRIBE: u32 = 2;

/// Bytes that are wiped when they are dropped.
#[derive(Default)]
pub struct Secret(Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) { crate::host::wipe(&mut self.0) }
}

impl From<Vec<u8>> for Secret {
    fn from(b: Vec<u8>) -> Self { Secret(b) }
}

impl core::ops::Deref for Secret {
    type Target = [u8];
    fn deref(&self) -> &[u8] { &self.0 }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("[secret]") }
}

/// Declares a message: its fields by number, with the way to read each.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $num:literal $field:ident: $type:ty = $read:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Message for $name {
            fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
                match num {
                    $($num => $read(&mut self.$field, v)?,)*
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

fn text(to: &mut String, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = v.text()?) }
fn secret(to: &mut Secret, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = Secret(v.bytes()?.to_vec())) }
fn bytes(to: &mut Vec<u8>, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = v.bytes()?.to_vec()) }
fn number(to: &mut u32, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = v.u32()?) }
fn long(to: &mut u64, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = v.u64()?) }
fn flag(to: &mut bool, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = v.bool()?) }
fn texts(to: &mut Vec<String>, v: Value<'_>) -> Result<(), Malformed> { Ok(to.push(v.text()?)) }
fn numbers(to: &mut Vec<u32>, v: Value<'_>) -> Result<(), Malformed> { Ok(to.push(v.u32()?)) }
fn part<M: Message>(to: &mut Option<M>, v: Value<'_>) -> Result<(), Malformed> { Ok(*to = Some(v.message()?)) }
fn list<M: Message>(to: &mut Vec<M>, v: Value<'_>) -> Result<(), Malformed> { Ok(to.push(v.message()?)) }

message! {
    /// What a plugin learns when an instance of it starts.
    Load {
        /// The plugin's name in the broker's configuration.
        1 plugin: String = text,
        /// The operator's settings as JSON; see [`crate::json`].
        2 config: String = text,
        /// The contents of the settings that end in `_file`.
        3 files: Vec<File> = list,
        /// What was granted, in bits such as [`crate::feature::KV`].
        4 features: u64 = long,
        /// The minor version of the broker's ABI.
        5 abi_minor: u32 = number,
        /// The upstreams that may be asked.
        6 upstreams: Vec<String> = texts,
    }
}

impl Load {
    /// The file that the operator named under `key`, such as "users_file".
    pub fn file(&self, key: &str) -> Option<&File> { self.files.iter().find(|f| f.key == key) }
}

message! {
    /// A file that the operator named in the settings and the broker has read.
    File {
        /// The key of the setting.
        1 key: String = text,
        /// The path as the operator wrote it, for messages.
        2 path: String = text,
        /// What the file holds.
        3 content: Vec<u8> = bytes,
    }
}

message! {
    /// A key with its value.
    Property {
        /// The key.
        1 key: String = text,
        /// The value.
        2 value: String = text,
    }
}

message! {
    /// A client that wants in: its CONNECT, and what is known of its connection.
    Connect {
        /// The client id, or what a plugin asked before has put in its place.
        1 client_id: String = text,
        /// The user name, or what a plugin asked before has put in its place.
        2 username: String = text,
        /// The password.
        3 password: Secret = secret,
        /// The protocol level: 3, 4 or 5.
        4 protocol: u32 = number,
        /// Clean Start, or Clean Session.
        5 clean_start: bool = flag,
        /// The keep alive in seconds.
        6 keepalive: u32 = number,
        /// The session expiry in seconds.
        7 session_expiry: u32 = number,
        /// The listener, such as "tls:default".
        8 listener: String = text,
        /// tcp, tls, ws or wss.
        9 transport: String = text,
        /// The client's address, such as "192.0.2.7:51234".
        10 peer: String = text,
        /// What a trusted proxy has said.
        11 proxy: Option<Proxy> = part,
        /// What the handshake has established.
        12 tls: Option<Tls> = part,
        /// What the plugins asked before have said of the client.
        13 attributes: Vec<Property> = list,
        /// The method of enhanced authentication.
        14 auth_method: String = text,
        /// The data of enhanced authentication.
        15 auth_data: Secret = secret,
        /// The will.
        16 will: Option<Will> = part,
        /// The user properties of the CONNECT.
        17 user_properties: Vec<Property> = list,
        /// There is a user name.
        18 has_username: bool = flag,
        /// There is a password.
        19 has_password: bool = flag,
        /// The user name as the client has sent it.
        20 connect_username: String = text,
        /// The client id as the client has sent it.
        21 connect_client_id: String = text,
        /// The client is in already and shows itself again (MQTT 5.0 section 4.12.1):
        /// names have to stay, and there is no password.
        22 reauthenticate: bool = flag,
    }
}

message! {
    /// What a client answers to [`crate::Request::continue_with`].
    Continuation {
        /// The event that began the exchange.
        1 exchange: u64 = long,
        /// What it has sent.
        3 auth_data: Secret = secret,
        /// The exchange is over.
        4 ended: bool = flag,
    }
}

message! {
    /// What somebody claims who begins a TLS handshake (RFC 8446 section 4.1.2):
    /// numbers in the order of the wire, without GREASE values.
    ClientHello {
        /// The listener, such as "tls:default".
        1 listener: String = text,
        /// The client's address, such as "192.0.2.7:51234".
        2 peer: String = text,
        /// What a trusted proxy has said.
        3 proxy: Option<Proxy> = part,
        /// The server name that is asked for; here and in `alpn`, bytes that are not
        /// printable ASCII are written as `\xNN`.
        4 server_name: String = text,
        /// The protocols that are offered.
        5 alpn: Vec<String> = texts,
        /// The versions of TLS.
        6 versions: Vec<u32> = numbers,
        /// The cipher suites.
        7 suites: Vec<u32> = numbers,
        /// The extensions.
        8 extensions: Vec<u32> = numbers,
        /// The groups for the key exchange.
        9 groups: Vec<u32> = numbers,
        /// The signature schemes.
        10 signature_schemes: Vec<u32> = numbers,
        /// The fingerprint in the form of JA4.
        11 ja4: String = text,
    }
}

message! {
    /// Something that has happened to a client.
    Event {
        /// [`Event::CONNECTED`] and so on; ignore a kind that you do not know.
        1 kind: u32 = number,
        /// When, in milliseconds since 1970.
        2 time_ms: u64 = long,
        /// The client id.
        3 client_id: String = text,
        /// The user name.
        4 username: String = text,
        /// The listener.
        5 listener: String = text,
        /// The client's address.
        6 peer: String = text,
        /// Disconnected, refused: the MQTT 5.0 reason code.
        7 reason: u32 = number,
        /// The reason in words.
        8 reason_text: String = text,
        /// Subscribed, unsubscribed, denied: the topics.
        9 topics: Vec<Topic> = list,
        /// How many events were lost before this one, since the last.
        10 dropped: u64 = long,
        /// Connected, refused: the plugin that said so, or empty.
        11 decider: String = text,
        /// Connected: the attributes of the client.
        12 attributes: Vec<Property> = list,
        /// Denied: [`PUBLISH`] or [`SUBSCRIBE`].
        13 action: u32 = number,
    }
}

impl Event {
    /// A client is connected.
    pub const CONNECTED: u32 = 1;
    /// A client is gone.
    pub const DISCONNECTED: u32 = 2;
    /// A CONNECT was answered by a denial.
    pub const REFUSED: u32 = 3;
    /// Filters were granted.
    pub const SUBSCRIBED: u32 = 4;
    /// A client has given filters up, or may not have them any more.
    pub const UNSUBSCRIBED: u32 = 5;
    /// A PUBLISH or SUBSCRIBE was not permitted.
    pub const DENIED: u32 = 6;
}

message! {
    /// What a trusted proxy has said of the client in a PROXY header.
    Proxy {
        /// The version of the header.
        1 version: u32 = number,
        /// The client's own address.
        2 source: String = text,
        /// Where the client has connected to.
        3 destination: String = text,
        /// The common name of the client's certificate, if the proxy has verified it.
        4 common_name: String = text,
        /// There is such a certificate.
        5 verified: bool = flag,
        /// The proxy's own address.
        6 via: String = text,
        /// What the client asked the proxy for.
        7 server_name: String = text,
        /// The protocol that client and proxy agreed on.
        8 alpn: String = text,
        /// Empty when the client came to the proxy in the clear.
        9 tls_version: String = text,
        /// The cipher suite between client and proxy.
        10 cipher: String = text,
    }
}

message! {
    /// What the handshake of the connection has established.
    Tls {
        /// "TLS 1.3".
        1 version: String = text,
        /// The IANA name of the cipher suite.
        2 suite: String = text,
        /// The server name that the client asked for.
        3 sni: String = text,
        /// The protocol that was agreed on.
        4 alpn: String = text,
        /// The session is a resumed one.
        5 resumed: bool = flag,
        /// The identity of the pre-shared key.
        6 psk_identity: String = text,
        /// The client has shown a certificate.
        7 certificate_presented: bool = flag,
        /// The broker has verified it.
        8 certificate_verified: bool = flag,
        /// The first CN of the subject; empty when not verified.
        9 common_name: String = text,
        /// The subject (RFC 4514).
        10 subject: String = text,
        /// "dns:x", "ip:x", "email:x" or "uri:x".
        11 san: Vec<String> = texts,
        /// SHA-256 of the certificate in hexadecimal.
        12 fingerprint: String = text,
        /// The serial number in hexadecimal.
        13 serial: String = text,
    }
}

message! {
    /// The part of a will that a decision looks at.
    Will {
        /// The topic.
        1 topic: String = text,
        /// The quality of service.
        2 qos: u32 = number,
        /// The will is retained.
        3 retain: bool = flag,
    }
}

message! {
    /// A question about the topics of one PUBLISH or SUBSCRIBE.
    Access {
        /// The client id.
        1 client_id: String = text,
        /// The user name.
        2 username: String = text,
        /// The attributes of the client.
        3 attributes: Vec<Property> = list,
        /// [`PUBLISH`] or [`SUBSCRIBE`].
        4 action: u32 = number,
        /// The topics of the packet.
        5 topics: Vec<Topic> = list,
        /// The listener.
        6 listener: String = text,
        /// The client's address.
        7 peer: String = text,
    }
}

message! {
    /// One topic of an [`Access`] or [`Event`].
    Topic {
        /// The name, or the filter without its $share prefix.
        1 topic: String = text,
        /// The quality of service.
        2 qos: u32 = number,
        /// The message is retained.
        3 retain: bool = flag,
        /// The group of a shared subscription.
        4 share: String = text,
    }
}
