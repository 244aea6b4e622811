//! A real server, what is done in it beside the reads, and how its engine writes what differs.

use mysql_async::prelude::Queryable;
use ringcard::source::sql::settings::{Engine, SqlSettings};

use crate::reading::{self, RUNTIME};
use crate::servers::{self, Server};

#[derive(Clone, Copy)]
pub struct Database {
    pub engine: Engine,
    pub server: &'static Server,
}

/// PostgreSQL and MariaDB.
pub fn both() -> [Database; 2] {
    [postgres(), mariadb()]
}

pub fn postgres() -> Database {
    Database {
        engine: Engine::Postgres,
        server: servers::postgres(),
    }
}

pub fn mariadb() -> Database {
    Database {
        engine: Engine::MySql,
        server: servers::mariadb(),
    }
}

impl Database {
    /// A server of its own, which a test may end.
    pub fn own(engine: Engine, options: &[&str]) -> Database {
        let name = match engine {
            Engine::Postgres => "postgres",
            _ => "mariadb",
        };
        Database {
            engine,
            server: Box::leak(Box::new(Server::start(name, options))),
        }
    }

    pub fn settings(&self, query: &str) -> SqlSettings {
        reading::settings(self.engine, self.server, query)
    }

    /// Runs statements as an administrator.
    pub fn run(&self, statements: &str) {
        let (host, port) = (self.server.host(), self.server.port());
        RUNTIME.block_on(async {
            if self.engine == Engine::Postgres {
                let mut config = tokio_postgres::Config::new();
                config.host(host).port(port).user(self.server.user());
                config
                    .password(self.server.password())
                    .dbname(self.server.database());
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                client.batch_execute(statements).await.unwrap();
                drop(client);
                connection.await.unwrap().unwrap();
            } else {
                let options = mysql_async::OptsBuilder::default()
                    .ip_or_hostname(host)
                    .tcp_port(port);
                let options = options
                    .user(Some(self.server.user()))
                    .pass(Some(self.server.password()))
                    .db_name(Some(self.server.database()))
                    .prefer_socket(false);
                let mut conn = mysql_async::Conn::new(options).await.unwrap();
                for statement in statements.split(";\n").filter(|s| !s.trim().is_empty()) {
                    conn.query_drop(statement).await.unwrap();
                }
                conn.disconnect().await.unwrap();
            }
        });
    }

    /// A table of contacts with so many rows, filled by the server.
    pub fn fill(&self, table: &str, rows: u32) {
        let series = match self.engine {
            Engine::Postgres => format!("generate_series(1, {rows}) AS s(n)"),
            _ => format!("(SELECT seq AS n FROM seq_1_to_{rows}) AS s"),
        };
        self.run(&format!(
            "CREATE TABLE {table} (id INTEGER PRIMARY KEY, name VARCHAR(80), phone VARCHAR(40), balance DECIMAL(15,2));\n\
             INSERT INTO {table} SELECT n, CONCAT('Müşteri ', n), CONCAT('0532', 1000000 + n), n / 100.0 FROM {series}"
        ));
    }

    pub fn sleeps(&self, seconds: u32) -> String {
        match self.engine {
            Engine::Postgres => format!(
                "SELECT pg_sleep({seconds})::text AS id, 'a' AS name, '' AS phone, 1 AS balance"
            ),
            _ => format!("SELECT SLEEP({seconds}) AS id, 'a' AS name, '' AS phone, 1 AS balance"),
        }
    }
}
