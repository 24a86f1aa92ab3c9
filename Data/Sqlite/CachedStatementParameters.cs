using System.Collections;
using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace AiChat.Data.Sqlite;

/// <summary>A statement's parameters. The objects are reused by its next execution.</summary>
internal sealed class CachedStatementParameters : DbParameterCollection
{
    private readonly List<CachedStatementParameter> _made = [];
    private readonly List<CachedStatementParameter> _added = [];
    private int _given;

    public override int Count => _added.Count;

    public override object SyncRoot => _added;

    /// <summary>An unused parameter; it takes effect once it is added.</summary>
    public CachedStatementParameter Spare()
    {
        if (_given == _made.Count)
        {
            _made.Add(new CachedStatementParameter());
        }

        return _made[_given++];
    }

    public CachedStatementParameter At(int index) => _added[index];

    public override int Add(object value)
    {
        _added.Add((CachedStatementParameter)value);
        return _added.Count - 1;
    }

    public override void AddRange(Array values)
    {
        foreach (var value in values)
        {
            Add(value);
        }
    }

    public override void Clear()
    {
        foreach (var parameter in _added)
        {
            parameter.Value = null; // a cached statement must not keep a text alive
        }

        _added.Clear();
        _given = 0;
    }

    public override bool Contains(object value) => _added.Contains((CachedStatementParameter)value);

    public override bool Contains(string value) => IndexOf(value) >= 0;

    public override void CopyTo(Array array, int index) => ((ICollection)_added).CopyTo(array, index);

    public override IEnumerator GetEnumerator() => _added.GetEnumerator();

    public override int IndexOf(object value) => _added.IndexOf((CachedStatementParameter)value);

    public override int IndexOf(string parameterName) => _added.FindIndex(parameter => parameter.ParameterName == parameterName);

    public override void Insert(int index, object value) => _added.Insert(index, (CachedStatementParameter)value);

    public override void Remove(object value) => _added.Remove((CachedStatementParameter)value);

    public override void RemoveAt(int index) => _added.RemoveAt(index);

    public override void RemoveAt(string parameterName) => RemoveAt(IndexOf(parameterName));

    protected override DbParameter GetParameter(int index) => _added[index];

    protected override DbParameter GetParameter(string parameterName) => _added[IndexOf(parameterName)];

    protected override void SetParameter(int index, DbParameter value) => _added[index] = (CachedStatementParameter)value;

    protected override void SetParameter(string parameterName, DbParameter value) => SetParameter(IndexOf(parameterName), value);
}

/// <summary>A name and a value. The type of the value decides how it is bound.</summary>
internal sealed class CachedStatementParameter : DbParameter
{
    public override DbType DbType { get; set; }

    public override ParameterDirection Direction
    {
        get => ParameterDirection.Input;
        set => ArgumentOutOfRangeException.ThrowIfNotEqual(value, ParameterDirection.Input);
    }

    public override bool IsNullable { get; set; }

    [AllowNull]
    public override string ParameterName { get; set; } = "";

    public override int Size { get; set; }

    [AllowNull]
    public override string SourceColumn { get; set; } = "";

    public override bool SourceColumnNullMapping { get; set; }

    public override object? Value { get; set; }

    public override void ResetDbType()
    {
        // Ignored: the value decides.
    }
}
