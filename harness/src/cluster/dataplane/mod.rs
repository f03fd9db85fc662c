//! stub
use crate::{
    cluster::workload::Workload,
    plan::ClusterPlan,
    provider::{
        MachineError,
        netns::{NetnsLab, NetnsMachine},
    },
    run::observation::LifeError,
};
pub struct Dataplane {
    w: Workload,
    n: Vec<NetnsMachine>,
}
impl Dataplane {
    pub async fn hosts(_lab: &NetnsLab, _plan: &ClusterPlan, _prefix: &str) -> Result<Self, LifeError> {
        todo!()
    }
    pub fn node_ips(&self) -> Vec<std::net::IpAddr> {
        vec![]
    }
    pub fn nodes(&self) -> &[NetnsMachine] {
        &self.n
    }
    pub async fn start(&mut self) -> Result<(), LifeError> {
        Ok(())
    }
    pub async fn deploy(&mut self) -> Result<(), LifeError> {
        Ok(())
    }
    pub async fn resync(&self) -> Result<(), LifeError> {
        Ok(())
    }
    pub async fn rules_intact(&self) -> Result<bool, MachineError> {
        Ok(true)
    }
    pub fn workload(&self) -> &Workload {
        &self.w
    }
}

pub fn check(_: &crate::plan::Plan) -> Result<(), crate::catalog::CatalogError> {
    Ok(())
}
