"""Files as amx-cli wrote them, in the shape of each of its schema versions, and as people write them by
hand: keys and defaults of its release 0.19."""

from __future__ import annotations

import yaml

_SERVER = {"host": "db.example", "user": "erp", "password": "", "database": "erp"}
PROFILING = {
    "profiling_mode": "full",
    "profiling_max_rows": 1000000,
    "profiling_sample_size": 5,
    "profiling_stats_batch_size": 50,
    "profiling_approximate": False,
}
# Every backend with all the settings that AMX saves for it.
BACKENDS: dict[str, dict[str, object]] = {
    "postgresql": {**_SERVER, "port": 5432, "sslmode": "require", "sslrootcert": "/ca.pem"},
    "snowflake": {
        "account": "ab1234", "user": "erp", "password": "", "database": "ERP", "warehouse": "WH",
        "role": "R", "insecure_mode": False, "ocsp_fail_open": True,
    },
    "databricks": {
        "host": "adb.example", "http_path": "/sql/1", "access_token": "", "workspace_token": "",
        "catalog": "main", "database": "erp", "tls_no_verify": False, "tls_trusted_ca_file": "",
    },
    "bigquery": {
        "project": "p", "dataset": "d", "credentials_path": "/c.json", "location": "EU",
        "impersonate_service_account": "",
    },
    "mysql": {**_SERVER, "port": 3306, "ssl_disabled": False, "ssl_ca": ""},
    "oracle": {**_SERVER, "port": 1521, "service_name": "ORCL"},
    "mssql": {
        **_SERVER, "port": 1433, "driver": "ODBC Driver 18 for SQL Server", "encrypt": True,
        "trust_server_certificate": False,
    },
    "redshift": {**_SERVER, "port": 5439, "cluster_identifier": "c"},
    "clickhouse": {**_SERVER, "port": 8443, "secure": True, "ca_cert": "", "verify": True},
    "duckdb": {"database": "/data/wh.duckdb", "read_only": True, "motherduck_token": ""},
    "trino": {
        **_SERVER, "port": 8080, "jwt_token": "", "catalog": "hive", "http_scheme": "https",
        "verify": True, "tls_trusted_ca_file": "",
    },
    "hive": {**_SERVER, "port": 10000, "auth_mode": "NONE"},
}  # fmt: skip

LLM_PROFILE: dict[str, object] = {
    "provider": "kimi", "model": "kimi-k2-thinking", "language": "english",
    "api_key": "keyring:llm_profiles/work/api_key", "api_base": "https://api.moonshot.ai/v1",
    "temperature": 0.2, "max_tokens": 16384, "completion_mode": "chat_completions",
    "n_alternatives": 3, "column_batch_size": 10, "batch_context_column_names": 0,
    "prompt_detail": "standard", "description_verbosity": "brief", "logprob_high": 0.85,
    "logprob_medium": 0.5, "force_logprobs": True, "thinking_budget": 1024,
    "custom_input_cost_per_mtok": None, "custom_output_cost_per_mtok": None,
    "rag_query_timeout_sec": 5.0, "confidence_signal": "self_consistency",
    "alternatives_mode": "semantic",
    "confidence": {"enabled": True, "bands": {"high": 0.75, "med": 0.5}},
}  # fmt: skip


def written_by_amx(schema: int | None = 3) -> str:
    """The whole file, with a connection of every backend; `schema` None is a file from before there
    was a version."""
    connections = {
        f"{backend}-1": {"backend": backend, **settings, **PROFILING}
        for backend, settings in BACKENDS.items()
    }
    connections["postgresql-1"]["password"] = "keyring:db_profiles/postgresql-1/password"
    second = {**LLM_PROFILE, "model": "kimi-latest", "api_key": "", "api_base": None}
    data: dict[str, object] = {
        "schema_version": schema,
        "db": connections["postgresql-1"],
        "db_profiles": connections,
        "active_db_profile": "postgresql-1",
        "active_db_profiles": ["postgresql-1", "duckdb-1"],
        "current_schema": "sap",
        "current_table": "",
        "llm": LLM_PROFILE,
        "llm_profiles": {"work": LLM_PROFILE, "spare": second},
        "active_llm_profile": "work",
        "rag_llm_profile": "spare",
        "doc_paths": ["/docs"],
        "doc_profiles": {"contracts": ["/docs", "/more.pdf"], "wiki": ["/wiki"]},
        "active_doc_profile": "wiki",
        "run_doc_profiles": ["contracts", "wiki"],
        "doc_profiles_last_ingested_at": {"wiki": 1760000000.0},
        "doc_profiles_last_error": {},
        "code_paths": ["/src"],
        "code_profiles": {"abap": "/src"},
        "active_code_profile": "abap",
        "run_code_profiles": [],
        "code_profile_last_indexed_at": {},
        "code_profile_last_error": {},
        "doc_profile_linked_dbs": {"contracts": ["postgresql-1", "mysql-1"], "wiki": ["mysql-1"]},
        "code_profile_linked_dbs": {"abap": ["postgresql-1"]},
        "selected_schemas": [],
        "selected_tables": [],
        "write_through_config": True,
        "history_store_enabled": True,
        "history_store_profile": "postgresql-1",
        "history_store_profiles": ["mysql-1", "postgresql-1"],
        "history_store_schema": "AMX",
        "history_store_database": "",
        "embedding_docs": {"kind": "minilm", "model": "", "api_key": "", "base_url": ""},
        "embedding_code": {
            "kind": "openai", "model": "m", "api_key": "keyring:embedding_code/api_key", "base_url": "",
        },
        "embedding_assets": {"kind": "minilm", "model": "", "api_key": "", "base_url": ""},
        "assets_chunking": {},
    }  # fmt: skip
    if schema is None:
        del data["schema_version"]
    return dumped(data)


def early(schema: int | None) -> str:
    """From before there were profiles: one `db`, one `llm`, lists of folders."""
    data: dict[str, object] = {
        "schema_version": schema,
        "db": {"host": "db.example", "port": 5432, "user": "erp", "password": "pw", "database": "erp"},
        "llm": {"provider": "kimi", "model": "kimi-k2-thinking", "api_key": "sk-early-0123456789"},
        "doc_paths": ["/docs", "/more"],
        "code_paths": ["/src", "/lib"],
    }  # fmt: skip
    if schema is None:
        del data["schema_version"]
    return dumped(data)


def dumped(data: dict[str, object]) -> str:
    """As amx-cli dumps it: blocks, no aliases, the keys in their order."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    return yaml.dump(data, Dumper=Dumper, sort_keys=False, default_flow_style=False)
