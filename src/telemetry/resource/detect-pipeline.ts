import type { Attributes } from '@opentelemetry/api';
import type { ResourceEnvironment } from '../../config/resource-environment';
import { repositoryAddress, webAddress } from './web-address';

/** What a CI system tells of the job that this process is in, and of what the job has checked out. */
interface Job {
  readonly pipeline?: string;
  readonly runId?: string;
  readonly runUrl?: string;
  readonly task?: string;
  readonly taskRunId?: string;
  readonly taskRunUrl?: string;
  readonly workerId?: string;
  readonly workerName?: string;
  /** As Git fetches it. */
  readonly repository?: string;
  readonly branch?: string;
  readonly tag?: string;
  /** Of the branch or tag. */
  readonly revision?: string;
  /** Pull or merge request. */
  readonly change?: string;
  /** Branch that the change is for. */
  readonly base?: string;
}

/** The run of a pipeline, and the code in it, where a CI system has started this process. */
export function detectPipeline(env: ResourceEnvironment): Attributes {
  const job = jobOf(env);
  if (job === undefined) return {};
  const { branch, tag, base } = job;
  const repository = repositoryAddress(job.repository);
  return {
    'cicd.pipeline.name': job.pipeline,
    'cicd.pipeline.run.id': job.runId,
    'cicd.pipeline.run.url.full': job.runUrl,
    'cicd.pipeline.task.name': job.task,
    'cicd.pipeline.task.run.id': job.taskRunId,
    'cicd.pipeline.task.run.url.full': job.taskRunUrl,
    'cicd.worker.id': job.workerId,
    'cicd.worker.name': job.workerName,
    'vcs.provider.name': repository && providerOf(repository),
    'vcs.repository.url.full': repository,
    'vcs.repository.name': repository?.slice(repository.lastIndexOf('/') + 1),
    'vcs.ref.head.name': tag ?? branch,
    'vcs.ref.head.type': tag ? 'tag' : branch && 'branch',
    'vcs.ref.head.revision': job.revision,
    'vcs.ref.base.name': base,
    'vcs.ref.base.type': base && 'branch',
    'vcs.change.id': job.change,
  };
}

function jobOf(env: ResourceEnvironment): Job | undefined {
  if (env.GITHUB_ACTIONS) return gitHubJob(env);
  if (env.GITLAB_CI) return gitLabJob(env);
  if (env.TF_BUILD) return azureJob(env);
  if (env.BUILDKITE) return buildkiteJob(env);
  // Last: its variables are often still there in what a Jenkins job starts.
  return env.JENKINS_URL ? jenkinsJob(env) : undefined;
}

function gitHubJob(env: ResourceEnvironment): Job {
  const server = env.GITHUB_SERVER_URL ?? 'https://github.com';
  const repository = env.GITHUB_REPOSITORY && `${server}/${env.GITHUB_REPOSITORY}`;
  const attempt = env.GITHUB_RUN_ATTEMPT && env.GITHUB_RUN_ATTEMPT !== '1' ? `/attempts/${env.GITHUB_RUN_ATTEMPT}` : '';
  const change = /^refs\/pull\/(\d+)\//.exec(env.GITHUB_REF ?? '')?.[1];
  return {
    pipeline: env.GITHUB_WORKFLOW,
    runId: env.GITHUB_RUN_ID,
    runUrl: webAddress(repository && env.GITHUB_RUN_ID && `${repository}/actions/runs/${env.GITHUB_RUN_ID}${attempt}`),
    task: env.GITHUB_JOB,
    workerName: env.RUNNER_NAME,
    repository,
    branch: env.GITHUB_HEAD_REF ?? (env.GITHUB_REF_TYPE === 'tag' ? undefined : env.GITHUB_REF_NAME),
    tag: env.GITHUB_REF_TYPE === 'tag' ? env.GITHUB_REF_NAME : undefined,
    // Of a pull request, it is a merge that GitHub has made for the job, and on nobody's branch.
    revision: change ? undefined : env.GITHUB_SHA,
    change,
    base: env.GITHUB_BASE_REF,
  };
}

function gitLabJob(env: ResourceEnvironment): Job {
  return {
    pipeline: env.CI_PIPELINE_NAME ?? env.CI_PROJECT_PATH,
    runId: env.CI_PIPELINE_ID,
    runUrl: webAddress(env.CI_PIPELINE_URL),
    task: env.CI_JOB_NAME,
    taskRunId: env.CI_JOB_ID,
    taskRunUrl: webAddress(env.CI_JOB_URL),
    workerId: env.CI_RUNNER_ID,
    workerName: env.CI_RUNNER_DESCRIPTION,
    // Not CI_REPOSITORY_URL, which has the job's token in it.
    repository: env.CI_PROJECT_URL,
    branch: env.CI_MERGE_REQUEST_SOURCE_BRANCH_NAME ?? env.CI_COMMIT_REF_NAME,
    tag: env.CI_COMMIT_TAG,
    // Set where CI_COMMIT_SHA is a merge that GitLab has made for the job.
    revision: env.CI_MERGE_REQUEST_SOURCE_BRANCH_SHA ?? env.CI_COMMIT_SHA,
    change: env.CI_MERGE_REQUEST_IID,
    base: env.CI_MERGE_REQUEST_TARGET_BRANCH_NAME,
  };
}

function azureJob(env: ResourceEnvironment): Job {
  const project = webAddress(
    env.SYSTEM_COLLECTIONURI && env.SYSTEM_TEAMPROJECT && `${env.SYSTEM_COLLECTIONURI}${env.SYSTEM_TEAMPROJECT}`,
  );
  const change = env.SYSTEM_PULLREQUEST_PULLREQUESTNUMBER ?? env.SYSTEM_PULLREQUEST_PULLREQUESTID;
  const ref = env.SYSTEM_PULLREQUEST_SOURCEBRANCH ?? env.BUILD_SOURCEBRANCH;
  return {
    pipeline: env.BUILD_DEFINITIONNAME,
    runId: env.BUILD_BUILDID,
    runUrl:
      project && env.BUILD_BUILDID && `${project}/_build/results?buildId=${encodeURIComponent(env.BUILD_BUILDID)}`,
    task: env.SYSTEM_JOBDISPLAYNAME,
    taskRunId: env.SYSTEM_JOBID,
    workerId: env.AGENT_ID,
    workerName: env.AGENT_NAME,
    repository: env.BUILD_REPOSITORY_URI,
    branch: branchOf(ref),
    tag: tagOf(ref),
    revision: change ? env.SYSTEM_PULLREQUEST_SOURCECOMMITID : env.BUILD_SOURCEVERSION,
    change,
    base: branchOf(env.SYSTEM_PULLREQUEST_TARGETBRANCH),
  };
}

function buildkiteJob(env: ResourceEnvironment): Job {
  const isChange = env.BUILDKITE_PULL_REQUEST !== undefined && env.BUILDKITE_PULL_REQUEST !== 'false';
  const run = webAddress(env.BUILDKITE_BUILD_URL);
  return {
    pipeline: env.BUILDKITE_PIPELINE_NAME ?? env.BUILDKITE_PIPELINE_SLUG,
    runId: env.BUILDKITE_BUILD_ID,
    runUrl: run,
    task: env.BUILDKITE_LABEL,
    taskRunId: env.BUILDKITE_JOB_ID,
    taskRunUrl: run && env.BUILDKITE_JOB_ID && `${run}#${env.BUILDKITE_JOB_ID}`,
    workerId: env.BUILDKITE_AGENT_ID,
    workerName: env.BUILDKITE_AGENT_NAME,
    repository: env.BUILDKITE_REPO,
    branch: env.BUILDKITE_BRANCH,
    tag: env.BUILDKITE_TAG,
    // `HEAD` until the agent has looked it up.
    revision: env.BUILDKITE_COMMIT === 'HEAD' ? undefined : env.BUILDKITE_COMMIT,
    change: isChange ? env.BUILDKITE_PULL_REQUEST : undefined,
    base: isChange ? env.BUILDKITE_PULL_REQUEST_BASE_BRANCH : undefined,
  };
}

function jenkinsJob(env: ResourceEnvironment): Job {
  return {
    pipeline: env.JOB_NAME,
    runId: env.BUILD_ID,
    runUrl: webAddress(env.BUILD_URL),
    task: env.STAGE_NAME,
    workerName: env.NODE_NAME,
    repository: env.GIT_URL,
    branch: env.CHANGE_BRANCH ?? env.BRANCH_NAME ?? env.GIT_BRANCH?.replace(/^origin\//, ''),
    tag: env.TAG_NAME,
    // Of a change it may be a merge that Jenkins has made, and nothing says which.
    revision: env.CHANGE_ID ? undefined : env.GIT_COMMIT,
    change: env.CHANGE_ID,
    base: env.CHANGE_TARGET,
  };
}

/** Tags, and the merges that are made for pull requests, are not branches. */
function branchOf(ref: string | undefined): string | undefined {
  if (ref === undefined || /^refs\/(?:tags|pull)\//.test(ref)) return undefined;
  return ref.replace(/^refs\/heads\//, '');
}

function tagOf(ref: string | undefined): string | undefined {
  return /^refs\/tags\/(.+)$/.exec(ref ?? '')?.[1];
}

/** Where the convention has a name for whoever holds the repository. */
function providerOf(repository: string): string | undefined {
  const { hostname } = new URL(repository);
  return ['github', 'gitlab', 'bitbucket', 'gitea'].find((name) => hostname.split('.').includes(name));
}
