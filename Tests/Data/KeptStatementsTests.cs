using System.Data.Common;
using AiChat.Data;
using Microsoft.Data.Sqlite;

namespace AiChat.Tests.Data;

public sealed class KeptStatementsTests : IDisposable
{
    private const string Double = "select @value * 2 where @value is not null";

    private readonly KeptStatements _connection = new("Data Source=:memory:");

    public KeptStatementsTests() => _connection.Open();

    [Fact]
    public void A_kept_statement_takes_other_values_and_keeps_none()
    {
        Assert.Equal(42L, Run(Double, 21));
        Assert.Equal(8L, Run(Double, 4));
        using var bare = Command(Double);
        Assert.Empty(bare.Parameters);
        Assert.Throws<InvalidOperationException>(() => bare.ExecuteScalar());
    }

    [Fact]
    public void A_statement_inside_itself_is_another_one()
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
    public void A_statement_left_in_the_middle_holds_nothing()
    {
        Run("create table numbers (value integer primary key) strict", null);
        Run("insert into numbers (value) values (1), (2), (3)", null);
        using (var command = Command("select value from numbers order by value"))
        using (var reader = command.ExecuteReader())
        {
            Assert.True(reader.Read());
        }

        Run("drop table numbers", null); // refused while a reader stands on it
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
