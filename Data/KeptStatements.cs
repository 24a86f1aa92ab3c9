using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;

namespace AiChat.Data;

/// <summary>
/// A connection that keeps its statements compiled: most of what a short statement costs is compiling it. Used by one thread at a
/// time, as every connection. Statements are known by their text's reference, which literals share, so a text that is put together
/// at run time gains nothing here.
/// </summary>
internal sealed class KeptStatements(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>More than the program has; each costs a few kilobytes.</summary>
    private const int MaxKept = 256;

    private readonly Dictionary<string, SqliteCommand> _idle = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Columns> _columns = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, string> _parameterNames = new(StringComparer.Ordinal);

    protected override DbCommand CreateDbCommand() => new KeptCommand(this);

    private SqliteCommand Take(string text)
    {
        if (_idle.Remove(text, out var known))
        {
            return known;
        }

        var command = CreateCommand();
        command.CommandText = text;
        return command;
    }

    private void Keep(SqliteCommand command)
    {
        command.Parameters.Clear();
        if (_idle.Count >= MaxKept || !_idle.TryAdd(command.CommandText, command))
        {
            command.Dispose();
        }
    }

    private KeptReader Known(SqliteDataReader reader, string text)
    {
        if (!_columns.TryGetValue(text, out var columns))
        {
            columns = new Columns(reader.FieldCount);
            if (_columns.Count < MaxKept)
            {
                _columns[text] = columns;
            }
        }

        return new KeptReader(reader, columns);
    }

    private string ParameterName(string name)
    {
        if (!_parameterNames.TryGetValue(name, out var spelt))
        {
            _parameterNames[name] = spelt = name.StartsWith('@') ? name : $"@{name}";
        }

        return spelt;
    }

    /// <summary>Named as the statement spells it. Dapper leaves out the @, and SQLite would be asked for each possible prefix at every execution.</summary>
    private sealed class Parameter(KeptStatements owner) : SqliteParameter
    {
        [AllowNull]
        public override string ParameterName
        {
            get => base.ParameterName;
            set => base.ParameterName = owner.ParameterName(value ?? "");
        }
    }

    /// <summary>Stands for the kept command of its text from the moment the text is set until it is disposed.</summary>
    private sealed class KeptCommand(KeptStatements owner) : DbCommand
    {
        private SqliteCommand? _command;

        [AllowNull]
        public override string CommandText
        {
            get => _command?.CommandText ?? "";
            set => _command = owner.Take(value ?? "");
        }

        public override int CommandTimeout
        {
            get => Command.CommandTimeout;
            set => Command.CommandTimeout = value;
        }

        public override CommandType CommandType
        {
            get => CommandType.Text;
            set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, CommandType.Text);
        }

        public override bool DesignTimeVisible { get; set; }

        public override UpdateRowSource UpdatedRowSource { get; set; }

        protected override DbConnection? DbConnection
        {
            get => owner;
            set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, owner);
        }

        protected override DbParameterCollection DbParameterCollection => Command.Parameters;

        protected override DbTransaction? DbTransaction { get; set; }

        private SqliteCommand Command => _command ?? throw new InvalidOperationException("The text comes first.");

        public override void Cancel() => Command.Cancel();

        public override int ExecuteNonQuery() => Command.ExecuteNonQuery();

        public override object? ExecuteScalar() => Command.ExecuteScalar();

        public override void Prepare() => Command.Prepare();

        protected override DbParameter CreateDbParameter() => new Parameter(owner);

        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => owner.Known(Command.ExecuteReader(behavior), CommandText);

        protected override void Dispose(bool disposing)
        {
            if (disposing && _command is { } command)
            {
                _command = null;
                owner.Keep(command);
            }

            base.Dispose(disposing);
        }
    }
}
