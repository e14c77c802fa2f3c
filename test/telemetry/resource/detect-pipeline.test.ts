import type { ResourceEnvironment } from '../../../src/config/resource-environment';
import { detectPipeline } from '../../../src/telemetry/resource/detect-pipeline';
import { repositoryAddress, webAddress } from '../../../src/telemetry/resource/web-address';

const SHA = 'ffac537e6cbbf934b08745a378932722df287a53';

/** What is found, without what is not there. */
function found(env: ResourceEnvironment): Record<string, unknown> {
  return JSON.parse(JSON.stringify(detectPipeline(env))) as Record<string, unknown>;
}

const GITHUB: ResourceEnvironment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_JOB: 'test',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_REF_NAME: 'main',
  GITHUB_REF_TYPE: 'branch',
  GITHUB_REPOSITORY: 'acme/orders',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_RUN_ID: '1658821493',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_SHA: SHA,
  GITHUB_WORKFLOW: 'CI',
  RUNNER_NAME: 'GitHub Actions 2',
};

test('outside a pipeline there is nothing to say', () => {
  expect(detectPipeline({})).toEqual({});
  expect(detectPipeline({ BUILD_ID: '7', GIT_COMMIT: SHA, JOB_NAME: 'x', CI_JOB_ID: '8' })).toEqual({});
});

describe('GitHub Actions', () => {
  test('a push', () => {
    expect(found(GITHUB)).toEqual({
      'cicd.pipeline.name': 'CI',
      'cicd.pipeline.run.id': '1658821493',
      'cicd.pipeline.run.url.full': 'https://github.com/acme/orders/actions/runs/1658821493',
      'cicd.pipeline.task.name': 'test',
      'cicd.worker.name': 'GitHub Actions 2',
      'vcs.provider.name': 'github',
      'vcs.repository.url.full': 'https://github.com/acme/orders',
      'vcs.repository.name': 'orders',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.head.revision': SHA,
    });
  });

  test('a pull request, whose commit is a merge that is on nobody’s branch', () => {
    const env = {
      ...GITHUB,
      GITHUB_REF: 'refs/pull/12/merge',
      GITHUB_REF_NAME: '12/merge',
      GITHUB_HEAD_REF: 'fix',
      GITHUB_BASE_REF: 'main',
    };
    expect(found(env)).toMatchObject({
      'vcs.change.id': '12',
      'vcs.ref.head.name': 'fix',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.base.name': 'main',
      'vcs.ref.base.type': 'branch',
    });
    expect(found(env)).not.toHaveProperty(['vcs.ref.head.revision']);
  });

  test('a tag, and a second attempt at an enterprise', () => {
    const env = {
      ...GITHUB,
      GITHUB_REF: 'refs/tags/v1',
      GITHUB_REF_NAME: 'v1',
      GITHUB_REF_TYPE: 'tag',
      GITHUB_RUN_ATTEMPT: '2',
      GITHUB_SERVER_URL: 'https://git.acme.test',
    };
    expect(found(env)).toMatchObject({
      'vcs.ref.head.name': 'v1',
      'vcs.ref.head.type': 'tag',
      'cicd.pipeline.run.url.full': 'https://git.acme.test/acme/orders/actions/runs/1658821493/attempts/2',
      'vcs.repository.url.full': 'https://git.acme.test/acme/orders',
    });
    expect(found(env)).not.toHaveProperty(['vcs.provider.name']);
  });
});

describe('GitLab CI', () => {
  const GITLAB: ResourceEnvironment = {
    GITLAB_CI: 'true',
    CI_COMMIT_REF_NAME: 'main',
    CI_COMMIT_SHA: SHA,
    CI_JOB_ID: '1000',
    CI_JOB_NAME: 'unit',
    CI_JOB_URL: 'https://gitlab.com/acme/orders/-/jobs/1000',
    CI_PIPELINE_ID: '500',
    CI_PIPELINE_NAME: 'Nightly',
    CI_PIPELINE_URL: 'https://gitlab.com/acme/orders/-/pipelines/500',
    CI_PROJECT_PATH: 'acme/orders',
    CI_PROJECT_URL: 'https://gitlab.com/acme/orders',
    CI_RUNNER_DESCRIPTION: 'shared-1',
    CI_RUNNER_ID: '9',
  };

  test('a branch', () => {
    expect(found(GITLAB)).toEqual({
      'cicd.pipeline.name': 'Nightly',
      'cicd.pipeline.run.id': '500',
      'cicd.pipeline.run.url.full': 'https://gitlab.com/acme/orders/-/pipelines/500',
      'cicd.pipeline.task.name': 'unit',
      'cicd.pipeline.task.run.id': '1000',
      'cicd.pipeline.task.run.url.full': 'https://gitlab.com/acme/orders/-/jobs/1000',
      'cicd.worker.id': '9',
      'cicd.worker.name': 'shared-1',
      'vcs.provider.name': 'gitlab',
      'vcs.repository.url.full': 'https://gitlab.com/acme/orders',
      'vcs.repository.name': 'orders',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.head.revision': SHA,
    });
  });

  test('a merge request, with and without a merge made for it', () => {
    const env = {
      ...GITLAB,
      CI_COMMIT_REF_NAME: 'refs/merge-requests/59/head',
      CI_MERGE_REQUEST_IID: '59',
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'fix',
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
    };
    expect(found(env)).toMatchObject({
      'vcs.change.id': '59',
      'vcs.ref.head.name': 'fix',
      'vcs.ref.base.name': 'main',
      'vcs.ref.head.revision': SHA,
    });
    expect(found({ ...env, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: 'abc' })).toMatchObject({
      'vcs.ref.head.revision': 'abc',
    });
  });

  test('a tag, and a pipeline without a name', () => {
    const env = { ...GITLAB, CI_COMMIT_TAG: 'v1', CI_COMMIT_REF_NAME: 'v1', CI_PIPELINE_NAME: undefined };
    expect(found(env)).toMatchObject({
      'cicd.pipeline.name': 'acme/orders',
      'vcs.ref.head.name': 'v1',
      'vcs.ref.head.type': 'tag',
    });
  });
});

describe('Azure Pipelines', () => {
  const AZURE: ResourceEnvironment = {
    TF_BUILD: 'True',
    AGENT_ID: '8',
    AGENT_NAME: 'Hosted Agent',
    BUILD_BUILDID: '4711',
    BUILD_DEFINITIONNAME: 'orders-ci',
    BUILD_REPOSITORY_URI: 'https://acme@dev.azure.com/acme/shop/_git/orders',
    BUILD_SOURCEBRANCH: 'refs/heads/feature/x',
    BUILD_SOURCEVERSION: SHA,
    SYSTEM_COLLECTIONURI: 'https://dev.azure.com/acme/',
    SYSTEM_JOBDISPLAYNAME: 'Unit tests',
    SYSTEM_JOBID: '12f1170f',
    SYSTEM_TEAMPROJECT: 'my shop',
  };

  test('a branch', () => {
    expect(found(AZURE)).toEqual({
      'cicd.pipeline.name': 'orders-ci',
      'cicd.pipeline.run.id': '4711',
      'cicd.pipeline.run.url.full': 'https://dev.azure.com/acme/my%20shop/_build/results?buildId=4711',
      'cicd.pipeline.task.name': 'Unit tests',
      'cicd.pipeline.task.run.id': '12f1170f',
      'cicd.worker.id': '8',
      'cicd.worker.name': 'Hosted Agent',
      'vcs.repository.url.full': 'https://dev.azure.com/acme/shop/_git/orders',
      'vcs.repository.name': 'orders',
      'vcs.ref.head.name': 'feature/x',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.head.revision': SHA,
    });
  });

  test('a pull request, and a tag', () => {
    const change = {
      ...AZURE,
      BUILD_SOURCEBRANCH: 'refs/pull/5/merge',
      SYSTEM_PULLREQUEST_PULLREQUESTID: '5',
      SYSTEM_PULLREQUEST_SOURCEBRANCH: 'refs/heads/fix',
      SYSTEM_PULLREQUEST_SOURCECOMMITID: 'abc',
      SYSTEM_PULLREQUEST_TARGETBRANCH: 'refs/heads/main',
    };
    expect(found(change)).toMatchObject({
      'vcs.change.id': '5',
      'vcs.ref.head.name': 'fix',
      'vcs.ref.head.revision': 'abc',
      'vcs.ref.base.name': 'main',
    });
    expect(found({ ...change, SYSTEM_PULLREQUEST_PULLREQUESTNUMBER: '17' })).toMatchObject({ 'vcs.change.id': '17' });
    expect(found({ ...AZURE, BUILD_SOURCEBRANCH: 'refs/tags/v1' })).toMatchObject({
      'vcs.ref.head.name': 'v1',
      'vcs.ref.head.type': 'tag',
    });
  });
});

describe('Jenkins', () => {
  const JENKINS: ResourceEnvironment = {
    JENKINS_URL: 'https://ci.acme.test/',
    BUILD_ID: '153',
    BUILD_URL: 'https://bot:hunter22@ci.acme.test/job/orders/153/',
    GIT_BRANCH: 'origin/main',
    GIT_COMMIT: SHA,
    GIT_URL: 'https://bot:hunter22@git.acme.test/acme/orders.git',
    JOB_NAME: 'orders/main',
    NODE_NAME: 'agent-1',
    STAGE_NAME: 'Test',
  };

  test('a branch, without the credentials in its addresses', () => {
    expect(found(JENKINS)).toEqual({
      'cicd.pipeline.name': 'orders/main',
      'cicd.pipeline.run.id': '153',
      'cicd.pipeline.run.url.full': 'https://ci.acme.test/job/orders/153/',
      'cicd.pipeline.task.name': 'Test',
      'cicd.worker.name': 'agent-1',
      'vcs.repository.url.full': 'https://git.acme.test/acme/orders',
      'vcs.repository.name': 'orders',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.head.revision': SHA,
    });
  });

  test('a change', () => {
    const env = { ...JENKINS, BRANCH_NAME: 'PR-3', CHANGE_ID: '3', CHANGE_BRANCH: 'fix', CHANGE_TARGET: 'main' };
    expect(found(env)).toMatchObject({ 'vcs.change.id': '3', 'vcs.ref.head.name': 'fix', 'vcs.ref.base.name': 'main' });
    expect(found(env)).not.toHaveProperty(['vcs.ref.head.revision']);
  });

  test('what it leaves in the environment of others does not count there', () => {
    expect(found({ ...JENKINS, ...GITHUB })).toMatchObject({ 'cicd.pipeline.name': 'CI' });
  });
});

describe('Buildkite', () => {
  const BUILDKITE: ResourceEnvironment = {
    BUILDKITE: 'true',
    BUILDKITE_AGENT_ID: '1-2-3',
    BUILDKITE_AGENT_NAME: 'my-agent-1',
    BUILDKITE_BRANCH: 'main',
    BUILDKITE_BUILD_ID: '4735ba57-80d0-46e2-8fa0-b28223a86586',
    BUILDKITE_BUILD_URL: 'https://buildkite.com/acme/orders/builds/1514',
    BUILDKITE_COMMIT: SHA,
    BUILDKITE_JOB_ID: 'e44f9784',
    BUILDKITE_LABEL: 'Specs',
    BUILDKITE_PIPELINE_NAME: 'Orders',
    BUILDKITE_PULL_REQUEST: 'false',
    BUILDKITE_PULL_REQUEST_BASE_BRANCH: 'ignored',
    BUILDKITE_REPO: 'git@github.com:acme/orders.git',
  };

  test('a branch', () => {
    expect(found(BUILDKITE)).toEqual({
      'cicd.pipeline.name': 'Orders',
      'cicd.pipeline.run.id': '4735ba57-80d0-46e2-8fa0-b28223a86586',
      'cicd.pipeline.run.url.full': 'https://buildkite.com/acme/orders/builds/1514',
      'cicd.pipeline.task.name': 'Specs',
      'cicd.pipeline.task.run.id': 'e44f9784',
      'cicd.pipeline.task.run.url.full': 'https://buildkite.com/acme/orders/builds/1514#e44f9784',
      'cicd.worker.id': '1-2-3',
      'cicd.worker.name': 'my-agent-1',
      'vcs.provider.name': 'github',
      'vcs.repository.url.full': 'https://github.com/acme/orders',
      'vcs.repository.name': 'orders',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.type': 'branch',
      'vcs.ref.head.revision': SHA,
    });
  });

  test('a pull request, before the commit is known', () => {
    const env = {
      ...BUILDKITE,
      BUILDKITE_COMMIT: 'HEAD',
      BUILDKITE_PULL_REQUEST: '123',
      BUILDKITE_PULL_REQUEST_BASE_BRANCH: 'main',
    };
    expect(found(env)).toMatchObject({ 'vcs.change.id': '123', 'vcs.ref.base.name': 'main' });
    expect(found(env)).not.toHaveProperty(['vcs.ref.head.revision']);
  });
});

describe('addresses', () => {
  test.each([
    ['https://user:pass@git.acme.test/a/b.git', 'https://git.acme.test/a/b'],
    ['https://ghp_token@github.com/a/b', 'https://github.com/a/b'],
    ['https://gitlab.com/a/b.git?private_token=x#y', 'https://gitlab.com/a/b'],
    ['git@github.com:a/b.git', 'https://github.com/a/b'],
    ['github.com:a/b', 'https://github.com/a/b'],
    ['ssh://git@git.acme.test:2222/a/b.git', 'https://git.acme.test/a/b'],
    ['http://localhost:3000/a/b/', 'http://localhost:3000/a/b'],
    ['git@github.com:a/b c.git', undefined],
    ['/srv/git/b.git', undefined],
    ['file:///srv/git/b.git', undefined],
    ['https://', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of a repository: %s', (text, address) => {
    expect(repositoryAddress(text)).toBe(address);
  });

  test('of a page', () => {
    expect(webAddress('https://user:pass@ci.acme.test/job/1?token=x')).toBe('https://ci.acme.test/job/1');
    expect(webAddress('javascript:alert(1)')).toBeUndefined();
    expect(webAddress('not an address')).toBeUndefined();
  });
});
