using AiChat.Data.Postgres;
using Npgsql;

namespace AiChat.Tests.Data;

/// <summary>Names of parameters become numbers without Npgsql reading the statement.</summary>
public sealed class PositionalTests
{
    [Theory]
    [InlineData("select @a, @b, @a", "select $1, $2, $1", "a b")]
    [InlineData("values (@userId, @Day1, @user_Id)", "values ($1, $2, $3)", "userId Day1 user_Id")]
    [InlineData("select @UserId from t where x = @userid", "select $1 from t where x = $1", "userId")]
    [InlineData("select '@a', 'it''s @a', \"@a\", @b", "select '@a', 'it''s @a', \"@a\", $1", "b")]
    [InlineData("select @b -- of @c's\n, @a", "select $1 -- of @c's\n, $2", "b a")]
    [InlineData("select @a @> '{}', x @@ y, z::text, 5 - 3 - @b --@c", "select $1 @> '{}', x @@ y, z::text, 5 - 3 - $2 --@c", "a b")]
    [InlineData("x like @first escape '\\' and @second", "x like $1 escape '\\' and $2", "first second")]
    [InlineData("select 'open @a", "select 'open @a", "")]
    public void Each_name_gets_the_number_of_its_first_place(string text, string numbered, string order)
    {
        for (var time = 0; time < 2; time++) // the second time it is known
        {
            using var command = new NpgsqlCommand(text);
            foreach (var name in order.Split(' ').Append("other").Reverse())
            {
                command.Parameters.Add(new NpgsqlParameter(name, name));
            }

            Positional.Apply(command);

            Assert.Equal(numbered, command.CommandText);
            Assert.Equal(order, string.Join(' ', command.Parameters.Select(parameter => parameter.Value)));
            Assert.All(command.Parameters, parameter => Assert.Equal("", parameter.ParameterName));
        }
    }

    [Fact]
    public void A_name_without_a_value_is_refused()
    {
        using var command = new NpgsqlCommand("select @a, @b");
        command.Parameters.Add(new NpgsqlParameter("a", 1L));

        Assert.Contains("@b", Assert.Throws<InvalidOperationException>(() => Positional.Apply(command)).Message);
    }
}
