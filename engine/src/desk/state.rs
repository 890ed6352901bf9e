//! Scripts of steps read, write and lock Terraform's state.

use sandbind_core::lifecycle::{KeptState, StateDecision, state};
use sandbind_wire::{
    Bytes64,
    state::{MAX_STATES, StateAnswer, StateRequest, is_state_name},
};

use super::{Desk, DeskError, TRIES};
use crate::ports::{Caller, PortError, Records, Values, World};

impl<W: World> Desk<W> {
    /// A step agent asks on behalf of its script. The state is read before the record: an attempt that the record still knows then
    /// has read what was there, and whatever came since makes its write a conflict.
    pub async fn step_state(
        &self,
        caller: &Caller,
        request: &StateRequest,
    ) -> Result<StateAnswer, DeskError> {
        let refused = |reason: &str| Ok(StateAnswer::Refused { reason: reason.to_owned() });
        if !is_state_name(&request.name) {
            return refused("a state's name is 1 to 30 of a-z, 0-9 and hyphens");
        }
        let run = self.run(caller).await?;
        let mut hint = self.world.records().hint(&run.instance).map(|record| (*record).clone());
        for _ in 0..TRIES {
            let of = match hint.take() {
                Some(record) => Some(record),
                None => self.world.records().read(&run.instance).await?,
            };
            let Some(of) = of else { return refused("the resource is gone") };
            let kept = self.world.values().states(&of).await?;
            let Some(record) = self.world.records().read(&run.instance).await? else {
                return refused("the resource is gone");
            };
            if record.uid != of.uid || record.spec.incarnation != run.incarnation {
                return refused("the pod belongs to another life of the resource");
            }
            let none = KeptState::default();
            let own = kept.get(&request.name);
            if own.is_none() && kept.len() >= MAX_STATES {
                return refused("the resource has 16 states already");
            }
            let others = kept.iter().filter(|(name, _)| **name != request.name);
            let others = others.filter_map(|(_, one)| one.state.as_ref()).map(Bytes64::len).sum();
            match state(&record, &run, &caller.pod_uid, request, own.unwrap_or(&none), others) {
                StateDecision::Answer(answer) => return Ok(answer),
                StateDecision::Write(next) => {
                    match self.world.values().store_state(&record, &request.name, &next).await {
                        Ok(()) => return Ok(StateAnswer::Done),
                        Err(PortError::Conflict { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Err(DeskError::Busy)
    }
}
