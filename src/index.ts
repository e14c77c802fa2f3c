/** What the package offers to programs. The commands are `spanwright` and `scheduler`. */

export { Graph, GraphBuilder, type GraphInfo, type NodeRecord } from './graph/graph';
export { type CommandSpec, type NodeId, NodeState, NodeType } from './graph/node';
export { type GraphFormat, readGraph, writeGraph } from './graph/read-graph';
export { analyse, type RunAnalysis } from './report/analysis';
export { type JobStatus, type JobView, RunView } from './report/run-view';
export type {
  BuildAgent,
  BuildContext,
  BuildFailure,
  BuildRequest,
  BuildResult,
  BuildSuccess,
  JobKind,
} from './scheduler/agent';
export { SimulatedAgent, type SimulatedAgentOptions } from './scheduler/agents/simulated';
export type { BuildEvent, BuildListener } from './scheduler/events';
export { describeFailure, type Failure, type FailureReason } from './scheduler/failure';
export { CyclicPlanError } from './scheduler/plan';
export { type RunOptions, type RunOutcome, Scheduler } from './scheduler/scheduler';
export { SchedulerModule, type SchedulerModuleAsyncOptions } from './scheduler/scheduler.module';
export { type BuildOptions, SCHEDULER_OPTIONS, type SchedulerModuleOptions } from './scheduler/scheduler.options';
export { SchedulerService } from './scheduler/scheduler.service';
export { type Clock, SystemClock, VirtualClock } from './util/clock';
export { UserError } from './util/user-error';
