"""Experiments, trials, trial components: create, describe, change, list, associate, delete, search."""

from twin.protocol import Call, Request, Service, validation
from twin.sagemaker.listing import listed
from twin.sagemaker.search import matching
from twin.sagemaker.trials import Record
from twin.world import World


def register(service: Service, world: World) -> None:
    """Add the experiment operations."""
    _experiments(service, world)
    _trials(service, world)
    _components(service, world)

    @service.operation("Search")
    def search(request: Request, call: Call) -> Request:
        return matching(world.trials, world.tags, request, call)


def _here(records: dict[str, Record], call: Call) -> list[Record]:
    scope = call.arn("")
    return [record for arn, record in records.items() if arn.startswith(scope)]


def _update(record: Record, request: Request, call: Call, *members: str) -> None:
    record.update({name: request[name] for name in members if name in request})
    record["LastModifiedTime"] = call.now


def _experiments(service: Service, world: World) -> None:
    store = world.trials

    @service.operation("CreateExperiment", "experiment/{ExperimentName}")
    def create(request: Request, call: Call) -> Request:
        name = request["ExperimentName"]
        given: Request = {key: request[key] for key in ("DisplayName", "Description") if key in request}
        record = store.create(call, "Experiment", name, given)
        world.tags.add(record["ExperimentArn"], request.get("Tags"))
        return {"ExperimentArn": record["ExperimentArn"]}

    @service.operation("DescribeExperiment", "experiment/{ExperimentName}")
    def describe(request: Request, call: Call) -> Request:
        return store.experiment(call, request["ExperimentName"])

    @service.operation("UpdateExperiment", "experiment/{ExperimentName}")
    def update(request: Request, call: Call) -> Request:
        record = store.experiment(call, request["ExperimentName"])
        _update(record, request, call, "DisplayName", "Description")
        return {"ExperimentArn": record["ExperimentArn"]}

    @service.operation("DeleteExperiment", "experiment/{ExperimentName}")
    def delete(request: Request, call: Call) -> Request:
        record = store.experiment(call, request["ExperimentName"])
        if any(trial["ExperimentName"] == record["ExperimentName"] for trial in _here(store.trials, call)):
            raise validation(
                f"Experiment '{record['ExperimentName']}' has associated trials. Delete them first."
            )
        world.tags.forget(record["ExperimentArn"])
        del store.experiments[record["ExperimentArn"]]
        return {"ExperimentArn": record["ExperimentArn"]}

    @service.operation("ListExperiments")
    def list_(request: Request, call: Call) -> Request:
        records = _window(_here(store.experiments, call), request)
        return listed(records, request, "ExperimentSummaries", "Experiment")


def _window(records: list[Record], request: Request) -> list[Record]:
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    return [
        record
        for record in records
        if (after is None or record["CreationTime"] >= after)
        and (before is None or record["CreationTime"] <= before)
    ]


def _trials(service: Service, world: World) -> None:
    store = world.trials

    @service.operation("CreateTrial", "experiment-trial/{TrialName}")
    def create(request: Request, call: Call) -> Request:
        store.experiment(call, request["ExperimentName"])
        given: Request = {
            key: request[key]
            for key in ("DisplayName", "ExperimentName", "MetadataProperties")
            if key in request
        }
        record = store.create(call, "Trial", request["TrialName"], given)
        world.tags.add(record["TrialArn"], request.get("Tags"))
        return {"TrialArn": record["TrialArn"]}

    @service.operation("DescribeTrial", "experiment-trial/{TrialName}")
    def describe(request: Request, call: Call) -> Request:
        return store.trial(call, request["TrialName"])

    @service.operation("UpdateTrial", "experiment-trial/{TrialName}")
    def update(request: Request, call: Call) -> Request:
        record = store.trial(call, request["TrialName"])
        _update(record, request, call, "DisplayName")
        return {"TrialArn": record["TrialArn"]}

    @service.operation("DeleteTrial", "experiment-trial/{TrialName}")
    def delete(request: Request, call: Call) -> Request:
        record = store.trial(call, request["TrialName"])
        if store.components_of(record):
            raise validation(
                f"Trial '{record['TrialName']}' has associated trial components. Disassociate them first."
            )
        world.tags.forget(record["TrialArn"])
        del store.trials[record["TrialArn"]]
        return {"TrialArn": record["TrialArn"]}

    @service.operation("ListTrials")
    def list_(request: Request, call: Call) -> Request:
        records = _window(_here(store.trials, call), request)
        if request.get("ExperimentName"):
            store.experiment(call, request["ExperimentName"])
            records = [r for r in records if r["ExperimentName"] == request["ExperimentName"]]
        if request.get("TrialComponentName"):
            component = store.component(call, request["TrialComponentName"])
            of_component = [trial["TrialArn"] for trial in store.trials_of(component)]
            records = [r for r in records if r["TrialArn"] in of_component]
        return listed(records, request, "TrialSummaries", "Trial")

    @service.operation(
        "AssociateTrialComponent",
        "experiment-trial/{TrialName}",
        "experiment-trial-component/{TrialComponentName}",
    )
    def associate(request: Request, call: Call) -> Request:
        trial = store.trial(call, request["TrialName"])
        component = store.component(call, request["TrialComponentName"])
        store.associate(trial, component)
        return {"TrialArn": trial["TrialArn"], "TrialComponentArn": component["TrialComponentArn"]}

    @service.operation(
        "DisassociateTrialComponent",
        "experiment-trial/{TrialName}",
        "experiment-trial-component/{TrialComponentName}",
    )
    def disassociate(request: Request, call: Call) -> Request:
        trial = store.trial(call, request["TrialName"])
        component = store.component(call, request["TrialComponentName"])
        store.associations.pop((trial["TrialArn"], component["TrialComponentArn"]), None)
        return {"TrialArn": trial["TrialArn"], "TrialComponentArn": component["TrialComponentArn"]}


_COMPONENT_MEMBERS = (
    "DisplayName",
    "Status",
    "StartTime",
    "EndTime",
    "Parameters",
    "InputArtifacts",
    "OutputArtifacts",
    "MetadataProperties",
)


def _components(service: Service, world: World) -> None:
    store = world.trials

    @service.operation("CreateTrialComponent", "experiment-trial-component/{TrialComponentName}")
    def create(request: Request, call: Call) -> Request:
        given: Request = {key: request[key] for key in _COMPONENT_MEMBERS if key in request}
        record = store.create(call, "TrialComponent", request["TrialComponentName"], given)
        world.tags.add(record["TrialComponentArn"], request.get("Tags"))
        return {"TrialComponentArn": record["TrialComponentArn"]}

    @service.operation("DescribeTrialComponent", "experiment-trial-component/{TrialComponentName}")
    def describe(request: Request, call: Call) -> Request:
        return store.component(call, request["TrialComponentName"])

    @service.operation("UpdateTrialComponent", "experiment-trial-component/{TrialComponentName}")
    def update(request: Request, call: Call) -> Request:
        record = store.component(call, request["TrialComponentName"])
        _update(record, request, call, "DisplayName", "Status", "StartTime", "EndTime")
        for name in ("Parameters", "InputArtifacts", "OutputArtifacts"):
            kept = {
                k: v for k, v in record.get(name, {}).items() if k not in request.get(f"{name}ToRemove", ())
            }
            record[name] = {**kept, **request.get(name, {})}
        return {"TrialComponentArn": record["TrialComponentArn"]}

    @service.operation("DeleteTrialComponent", "experiment-trial-component/{TrialComponentName}")
    def delete(request: Request, call: Call) -> Request:
        record = store.component(call, request["TrialComponentName"])
        if store.trials_of(record):
            raise validation(
                f"Trial component '{record['TrialComponentName']}' is associated with trials. Disassociate it first."
            )
        world.tags.forget(record["TrialComponentArn"])
        del store.components[record["TrialComponentArn"]]
        return {"TrialComponentArn": record["TrialComponentArn"]}

    @service.operation("ListTrialComponents")
    def list_(request: Request, call: Call) -> Request:
        records = _window(_here(store.components, call), request)
        if request.get("TrialName"):
            of_trial = store.components_of(store.trial(call, request["TrialName"]))
            records = [r for r in records if r in of_trial]
        if request.get("ExperimentName"):
            store.experiment(call, request["ExperimentName"])
            records = [
                r
                for r in records
                if any(t["ExperimentName"] == request["ExperimentName"] for t in store.trials_of(r))
            ]
        source = request.get("SourceArn")
        records = [r for r in records if source in (None, r.get("Source", {}).get("SourceArn"))]
        return listed(records, request, "TrialComponentSummaries", "TrialComponent")
