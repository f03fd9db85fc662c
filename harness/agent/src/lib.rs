//! What the harness and the agent say to each other: outcomes and the control protocol.
//!
//! The program itself (echo servers and prober) is the `lab-agent` binary of this package.

pub mod outcome;
pub mod protocol;

/// Image name under which scenario manifests run the agent. The tag is fixed, so that the default pull
/// policy (`IfNotPresent`) finds the imported image.
pub const AGENT_IMAGE: &str = "pathlab/agent:1";

/// Port on which the echo serves HTTP when its container has no arguments.
pub const DEFAULT_HTTP_PORT: u16 = 8080;

/// Port on which the echo serves TCP and UDP when its container has no arguments.
pub const DEFAULT_STREAM_PORT: u16 = 8081;
