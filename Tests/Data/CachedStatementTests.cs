using System.Data.Common;
using AiChat.Data.Sqlite;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AiChat.Tests.Data;

public sealed class CachedStatementTests : IDisposable
{
    private const string Double = "select @value * 2 where @value is not null";

    private readonly CachedStatementConnection _connection = new("Data Source=:memory:");

    public CachedStatementTests() => _connection.Open();

    [Fact]
    public void A_cached_statement_takes_other_values_and_keeps_none()
    {
        Assert.Equal(42L, Run(Double, 21));
        Assert.Equal(8L, Run(Double, 4));
        using var bare = Command(Double);
        Assert.Empty(bare.Parameters);
        Assert.Throws<InvalidOperationException>(() => bare.ExecuteScalar());
    }

    [Fact]
    public void A_statement_that_runs_within_itself_is_compiled_again()
    {
        using var outer = Command("select 1 union all select 2");
        using var reader = outer.ExecuteReader();
        Assert.True(reader.Read());
        using (var inner = Command("select 1 union all select 2"))
        {
            Assert.Equal(1L, inner.ExecuteScalar());
        }

        Assert.True(reader.Read());
        Assert.Equal(2L, reader.GetInt64(0));
    }

    [Fact]
    public void A_command_that_was_disposed_twice_serves_one_at_a_time()
    {
        var command = Command("select 1");
        command.Dispose();
        command.Dispose();
        using var first = Command("select 1");
        using var second = Command("select 2");
        Assert.NotSame(first, second);
        Assert.Equal((1L, 2L), (first.ExecuteScalar(), second.ExecuteScalar()));
    }

    [Fact]
    public void A_statement_that_failed_works_the_next_time()
    {
        const string insert = "insert into numbers (value) values (@value)";
        Run("create table numbers (value integer primary key) strict", null);
        Run(insert, 1);
        Assert.Throws<SqliteException>(() => Run(insert, 1));
        Run(insert, 2);
        Assert.Equal(2L, Run("select count(*) from numbers", null));
    }

    [Fact]
    public void A_statement_with_a_bound_limit_is_compiled_once()
    {
        const int recompiled = 5; // SQLITE_STMTSTATUS_REPREPARE
        const string page = "select value from numbers order by value limit @value";
        Run("create table numbers (value integer primary key) strict", null);
        Run("insert into numbers (value) values (1), (2), (3)", null);
        Assert.Equal((1L, 1L), (Run(page, 1), Run(page, 2)));

        var statement = _connection.Take(page);
        Assert.Equal(0, raw.sqlite3_stmt_status(statement.Handle, recompiled, 0));
        _connection.Keep(statement);
    }

    [Fact]
    public void An_abandoned_statement_releases_its_locks()
    {
        Run("create table numbers (value integer primary key) strict", null);
        Run("insert into numbers (value) values (1), (2), (3)", null);
        using (var command = Command("select value from numbers order by value"))
        using (var reader = command.ExecuteReader())
        {
            Assert.True(reader.Read());
        }

        Run("drop table numbers", null); // refused while a reader is in the middle of it
    }

    [Theory]
    [InlineData("")]
    [InlineData("ab 漢字 🙂")]
    [InlineData(long.MinValue)]
    [InlineData(0.1)]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 255 })]
    public void A_value_comes_back_as_it_was_given(object value)
    {
        Assert.Equal(value, Run("select @value", value));
        Assert.Equal(DBNull.Value, Run("select @value", DBNull.Value));
    }

    /// <summary>As on every engine.</summary>
    [Fact]
    public void A_zero_in_a_text_is_replaced() => Assert.Equal("a\uFFFDb 漢字 🙂", Run("select @value", "a\0b 漢字 🙂"));

    [Fact]
    public void A_long_text_comes_back_whole()
    {
        var text = string.Concat(Enumerable.Repeat("漢字 and more ", 20_000));
        Assert.Equal(text, Run("select @value", text));
    }

    [Fact]
    public void A_text_holds_one_statement()
    {
        Assert.Throws<ArgumentException>(() => Command("select 1; select 2"));
        Assert.Throws<SqliteException>(() => Command("selekt 1"));
        Assert.Equal(1L, Run("select 1;\n", null));
    }

    [Fact]
    public void Parameters_are_found_by_name_in_any_order()
    {
        const string sql = "select @first || @second";
        foreach (var names in new[] { new[] { "first", "second", "unused" }, ["second", "unused", "@first"], ["first", "second"] })
        {
            using var command = Command(sql);
            foreach (var name in names)
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = name;
                parameter.Value = name.TrimStart('@');
                command.Parameters.Add(parameter);
            }

            Assert.Equal("firstsecond", command.ExecuteScalar());
        }
    }

    [Fact]
    public void A_null_is_reported_and_never_read_as_a_value()
    {
        using var command = Command("select null as missing, 7 as seven");
        using var reader = command.ExecuteReader();
        Assert.True(reader.Read());
        Assert.True(reader.IsDBNull(0));
        Assert.Throws<InvalidOperationException>(() => reader.GetInt64(0));
        Assert.Throws<InvalidOperationException>(() => reader.GetString(reader.GetOrdinal("missing")));
        Assert.Equal(7, reader.GetInt32(1));
        Assert.False(reader.Read());
        Assert.False(reader.Read());
    }

    public void Dispose() => _connection.Dispose();

    private DbCommand Command(string sql)
    {
        var command = ((DbConnection)_connection).CreateCommand();
        command.CommandText = sql;
        return command;
    }

    private object? Run(string sql, object? value)
    {
        using var command = Command(sql);
        if (value is not null)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = "@value";
            parameter.Value = value;
            command.Parameters.Add(parameter);
        }

        return command.ExecuteScalar();
    }
}
